-- authinfo.sql - tells a node of a Citus cluster the password with which it reaches the others as the service's role.
-- Run it as a superuser on each node, after service_role.sql, with the same role and SERVICE_PASSWORD. Before that it does
-- nothing.
\set ON_ERROR_STOP on
\if :{?role}
\else
\set role dialogsd
\endif
\getenv password SERVICE_PASSWORD
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') AS known \gset
\if :known
BEGIN;
DELETE FROM pg_dist_authinfo WHERE nodeid = 0 AND rolename = :'role';
INSERT INTO pg_dist_authinfo VALUES
    (0, :'role', format('password=''%s''', replace(replace(:'password', '\', '\\'), '''', '\''')));
COMMIT;
\endif
