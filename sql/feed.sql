-- The indexes of feeds: what a user wrote to anybody, and got from anybody, in order. They make each send dearer, so
-- they are made when feeds are wanted. They are of expressions, so that no plan for one dialog takes them instead of
-- its own index. One after the other inside of one statement, since Citus gives its workers the whole of what a client
-- sent when an index is made.

DO $install$
BEGIN
    PERFORM pg_advisory_xact_lock(7235413108129617);
    EXECUTE 'CREATE INDEX IF NOT EXISTS ix_dialogs_feed_from '
        'ON public.dialogs (pg_catalog.uuid_send(user_id), create_date, id)';
    EXECUTE 'CREATE INDEX IF NOT EXISTS ix_dialogs_feed_to '
        'ON public.dialogs (pg_catalog.uuid_send(to_user_id), create_date, id)';
END
$install$;
