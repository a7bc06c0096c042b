-- What a node of a cluster says of itself, as one JSON object. The coordinator has every node run this. Facts that the
-- role may not see are missing or counted too low.

WITH shards AS MATERIALIZED (
    -- The shards of `dialogs` that this node has. Citus hides their tables from most sessions, but not from its own.
    SELECT s.shardid, s.shardminvalue = s.shardmaxvalue AS isolated, c.reltuples, t.most_common_vals,
           t.most_common_freqs, t.attname IS NOT NULL OR c.reltuples = 0 AS known
    FROM pg_catalog.pg_dist_shard s
    JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid
         AND p.groupid = (SELECT groupid FROM pg_catalog.pg_dist_local_group)
    JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass('public.dialogs_' || s.shardid)
    LEFT JOIN pg_catalog.pg_stats t ON t.schemaname = 'public' AND t.tablename = 'dialogs_' || s.shardid
         AND t.attname = 'to_user_id'
    WHERE s.logicalrelid = pg_catalog.to_regclass('public.dialogs')
), hot AS (
    SELECT v.recipient, shardid, isolated, round((v.share * reltuples)::numeric)::bigint AS rows
    FROM shards
    CROSS JOIN LATERAL unnest(most_common_vals::text::uuid[], most_common_freqs) AS v (recipient, share)
    WHERE reltuples > 0
    ORDER BY 4 DESC LIMIT 10
), settings AS (
    SELECT pg_catalog.jsonb_object_agg(name, setting) AS value FROM pg_catalog.pg_settings
    WHERE name IN ('wal_level', 'output_plugin_libraries', 'idle_in_transaction_session_timeout',
                   'max_replication_slots', 'max_wal_senders', 'max_logical_replication_workers',
                   'max_worker_processes')
)
SELECT pg_catalog.json_build_object(
    'postgresql', split_part(pg_catalog.current_setting('server_version'), ' ', 1),
    'citus', split_part(pg_catalog.citus_version(), ' ', 2),
    'wal_level', value ->> 'wal_level',
    'plugins', coalesce(value ->> 'output_plugin_libraries', ''),
    'idle', (value ->> 'idle_in_transaction_session_timeout')::bigint,
    'slots', (value ->> 'max_replication_slots')::bigint - (SELECT count(*) FROM pg_catalog.pg_replication_slots),
    'senders', (value ->> 'max_wal_senders')::bigint - (SELECT count(*) FROM pg_catalog.pg_stat_replication),
    'origins', (value ->> 'max_replication_slots')::bigint - (SELECT count(*) FROM pg_catalog.pg_replication_origin),
    'appliers', (value ->> 'max_logical_replication_workers')::bigint -
                (SELECT count(pid) FROM pg_catalog.pg_stat_subscription),
    -- Background workers are all processes but the server's own.
    'processes', (value ->> 'max_worker_processes')::bigint -
                 (SELECT count(*) FROM pg_catalog.pg_stat_activity
                  WHERE backend_type NOT IN ('client backend', 'walsender', 'autovacuum launcher', 'autovacuum worker',
                                             'background writer', 'checkpointer', 'startup', 'walreceiver',
                                             'walwriter', 'archiver', 'logger')),
    'rows', (SELECT coalesce(sum(reltuples) FILTER (WHERE reltuples > 0), 0)::bigint FROM shards),
    'unknown', (SELECT count(*) FROM shards WHERE NOT known),
    'hot', coalesce((SELECT pg_catalog.json_agg(hot) FROM hot), '[]'))
FROM settings
