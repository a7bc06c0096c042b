-- Rows that others insert with plain SQL get the time at which they are inserted, which is after their statement has its
-- lock on the table. now() is the time at which their transaction began, and statement_timestamp() the time at which
-- their statement arrived: a row that waited for a lock after that would appear behind messages that were read before.

ALTER TABLE public.dialogs ALTER COLUMN create_date SET DEFAULT pg_catalog.clock_timestamp();
