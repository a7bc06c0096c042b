-- A search by the second name alone read every user. Each of the two indexes gives its matches in order, so that a
-- search reads no more of them than it shows.

DO $search$
BEGIN
    -- Not on a host program's own table.
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attname = 'tokens_since'
               AND NOT attisdropped) THEN
        EXECUTE 'CREATE INDEX IF NOT EXISTS ix_users_second_name_first_name '
            'ON public.users (second_name text_pattern_ops, first_name text_pattern_ops)';
    END IF;
END
$search$;
