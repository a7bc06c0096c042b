-- The indexes of feeds: what a user wrote to anybody and got from anybody, in order. They make each send more expensive
-- and exist only where the setting feed is on. They index expressions: no plan for one dialog can take them instead of
-- its own index. One statement makes both, one after the other, because Citus hands its workers the whole text that a
-- client sent when it makes an index.

DO $install$
BEGIN
    EXECUTE 'CREATE INDEX IF NOT EXISTS ix_dialogs_feed_from '
        'ON public.dialogs (pg_catalog.uuid_send(user_id), create_date, id)';
    EXECUTE 'CREATE INDEX IF NOT EXISTS ix_dialogs_feed_to '
        'ON public.dialogs (pg_catalog.uuid_send(to_user_id), create_date, id)';
END
$install$;
