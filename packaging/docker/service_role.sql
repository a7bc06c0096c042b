-- service_role.sql - makes the role that dialogsd serves as, or gives it its rights again. It owns nothing: it reads and
-- writes the tables of dialogs as requests do, and can neither change nor empty them. Run it as the owner of the tables,
-- after `dlgctl --set feed=on init`, and once more after each upgrade. It needs psql 15 or later. On a cluster run it on the
-- coordinator, as a superuser.
--
--   SERVICE_PASSWORD=... psql -v role=dialogsd -f service_role.sql
--
--   role              the name of the role (dialogsd)
--   SERVICE_PASSWORD  in the environment: its password; without it the password stays as it is
\set ON_ERROR_STOP on
\if :{?role}
\else
\set role dialogsd
\endif
\getenv password SERVICE_PASSWORD

BEGIN;
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
\if :{?password}
ALTER ROLE :"role" PASSWORD :'password';
\endif
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT ON public.dlg_schema TO :"role";
GRANT SELECT, INSERT ON public.dialogs TO :"role";
GRANT SELECT, INSERT, UPDATE ON public.users TO :"role";
COMMIT;
