-- What ends tokens before their time. Those that were issued before tokens_since are refused: a new password sets it,
-- and a row that is inserted, so that the tokens of an earlier row with this id stay ended. revoked_tokens has single
-- ones: objects of a token's hash and the second of its end. Users that are there already keep their tokens.

DO $revocation$
BEGIN
    -- Not on a host program's own table.
    IF 8 = (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
            WHERE c.oid = 'public.users'::regclass AND NOT a.attisdropped
            AND (a.attname, format_type(a.atttypid, NULL)) IN
                (('id', 'uuid'), ('password_hash', 'text'), ('first_name', 'text'), ('second_name', 'text'),
                 ('birthdate', 'date'), ('biography', 'text'), ('city', 'text'),
                 ('create_date', 'timestamp with time zone'))) THEN
        ALTER TABLE public.users ADD COLUMN IF NOT EXISTS tokens_since timestamptz;
        ALTER TABLE public.users ALTER COLUMN tokens_since SET DEFAULT now();
        ALTER TABLE public.users ADD COLUMN IF NOT EXISTS revoked_tokens jsonb;
    END IF;
END
$revocation$;
