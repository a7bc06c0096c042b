-- Rows that others insert with plain SQL get the time at which their statement runs. now() is the time at which their
-- transaction began: such a row could appear behind messages that were read long before.

ALTER TABLE public.dialogs ALTER COLUMN create_date SET DEFAULT pg_catalog.statement_timestamp();
