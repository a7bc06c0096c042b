"""All contests, by the groups that share servers; names stand first, so that a run of one starts only what it needs."""

import bindings
import cluster
import costs
import live
import overload
import storage
import web

GROUPS = {**storage.GROUPS, **cluster.GROUPS, **web.GROUPS, **live.GROUPS, **overload.GROUPS, **costs.GROUPS, **bindings.GROUPS}
NEEDS_CITUS = set(cluster.GROUPS)
