-- Makes public.dialogs a plain table again, on the coordinator, with its rows. Citus's undistribute_table() refuses
-- tables with identity columns. One transaction, with writers waiting; whatever depends on the table, e.g. a view,
-- has to be dropped before.

DO $undistribute$
DECLARE
    sequence   text;
    owner      text;
    statements text[];
    statement  text;
    last_id    bigint;
    is_used    boolean;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- nobody's functions but PostgreSQL's
    LOCK TABLE public.dialogs IN EXCLUSIVE MODE;
    sequence := pg_get_serial_sequence('public.dialogs', 'id');

    SELECT quote_ident(pg_get_userbyid(relowner)) INTO owner FROM pg_class WHERE oid = 'public.dialogs'::regclass;
    EXECUTE format('SELECT last_value, is_called FROM %s', sequence) INTO last_id, is_used;

    -- What LIKE does not take along: constraints with their indexes, other indexes, and privileges, in this order.
    SELECT array_agg(made.statement ORDER BY made.place) INTO statements
    FROM (SELECT 1 AS place, format('ALTER TABLE public.dialogs ADD CONSTRAINT %I %s', conname,
                                    pg_get_constraintdef(oid)) AS statement
          FROM pg_constraint WHERE conrelid = 'public.dialogs'::regclass AND contype IN ('p', 'u', 'x', 'f')
          UNION ALL
          SELECT 2, pg_get_indexdef(i.indexrelid)
          FROM pg_index i WHERE i.indrelid = 'public.dialogs'::regclass
          AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
          UNION ALL
          SELECT 3, format('GRANT %s ON public.dialogs TO %s%s', a.privilege_type,
                           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                           CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
          FROM pg_class t, aclexplode(t.relacl) AS a
          WHERE t.oid = 'public.dialogs'::regclass AND a.grantee <> t.relowner
          UNION ALL
          SELECT 4, format('GRANT %s (%I) ON public.dialogs TO %s%s', a.privilege_type, t.attname,
                           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                           CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
          FROM pg_attribute t, aclexplode(t.attacl) AS a
          WHERE t.attrelid = 'public.dialogs'::regclass AND NOT t.attisdropped) AS made;

    CREATE TABLE public.dialogs_undistributed (LIKE public.dialogs INCLUDING ALL EXCLUDING INDEXES);
    INSERT INTO public.dialogs_undistributed OVERRIDING SYSTEM VALUE SELECT * FROM public.dialogs;
    DROP TABLE public.dialogs;
    ALTER TABLE public.dialogs_undistributed RENAME TO dialogs;
    EXECUTE format('ALTER SEQUENCE %s RENAME TO %I', pg_get_serial_sequence('public.dialogs', 'id'),
                   (parse_ident(sequence))[2]);
    PERFORM setval(sequence, last_id, is_used);
    EXECUTE format('ALTER TABLE public.dialogs OWNER TO %s', owner);
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
END
$undistribute$;
