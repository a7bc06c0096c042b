#include "routes/metrics_routes.h"

#include "http/reply.h"

#include <string.h>

static void show_head(struct text_buffer *text, const char *name, const char *type, const char *help)
{
    buffer_add_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void show_number(struct text_buffer *text, const char *name, const char *type, const char *help, uint64_t value)
{
    show_head(text, name, type, help);
    buffer_add_format(text, "%s %llu\n", name, (unsigned long long)value);
}

static void show_label(struct text_buffer *text, const struct route_table *table, size_t index)
{
    if (index == table->count)
        buffer_add_string(text, "{route=\"other\"");
    else
        buffer_add_format(text, "{route=\"%s %s\"", table->routes[index].method, table->routes[index].pattern);
}

static void show_requests(struct text_buffer *text, const struct route_table *table, struct metrics *metrics)
{
    static const char name[] = "dialogsd_http_requests_total";
    show_head(text, name, "counter", "Requests answered, by call and status; 0: the client was gone before.");
    for (size_t i = 0; i <= table->count; i++) {
        for (size_t code = 0; code <= METRICS_STATUSES; code++) {
            uint64_t count = atomic_load_explicit(&metrics->routes[i].statuses[code], memory_order_relaxed);
            if (!count)
                continue;
            buffer_add_string(text, name);
            show_label(text, table, i);
            if (code == METRICS_STATUSES)
                buffer_add_format(text, ",code=\"other\"} %llu\n", (unsigned long long)count);
            else
                buffer_add_format(text, ",code=\"%u\"} %llu\n", metrics_statuses[code], (unsigned long long)count);
        }
    }
}

static void show_durations_of(struct text_buffer *text, const struct route_table *table, struct route_metrics *metrics,
                              size_t index)
{
    static const char name[] = "dialogsd_http_request_duration_seconds";
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count += atomic_load_explicit(&metrics->buckets[i], memory_order_relaxed);
        buffer_add_format(text, "%s_bucket", name);
        show_label(text, table, index);
        if (i == METRICS_BUCKETS)
            buffer_add_format(text, ",le=\"+Inf\"} %llu\n", (unsigned long long)count);
        else
            buffer_add_format(text, ",le=\"%g\"} %llu\n", (double)metrics_bounds_us[i] / 1e6,
                              (unsigned long long)count);
    }
    buffer_add_format(text, "%s_sum", name);
    show_label(text, table, index);
    uint64_t sum_us = atomic_load_explicit(&metrics->sum_us, memory_order_relaxed);
    buffer_add_format(text, "} %.6f\n", (double)sum_us / 1e6);
    buffer_add_format(text, "%s_count", name);
    show_label(text, table, index);
    buffer_add_format(text, "} %llu\n", (unsigned long long)count);
}

static void show_durations(struct text_buffer *text, const struct route_table *table, struct metrics *metrics)
{
    show_head(text, "dialogsd_http_request_duration_seconds", "histogram",
              "From the first line of a request to the end of its answer, streams of events left out.");
    for (size_t i = 0; i <= table->count; i++)
        show_durations_of(text, table, &metrics->routes[i], i);
}

static void show_keys(struct text_buffer *text, struct service *service)
{
    size_t count = 0, removed = 0;
    bool good = backend_keys(&service->backend, &count, &removed);
    show_number(text, "dialogsd_token_keys", "gauge", "Keys that sign or verify tokens.", count);
    show_number(text, "dialogsd_token_keys_removed_total", "counter", "Keys that their file has lost.", removed);
    show_number(text, "dialogsd_token_key_file_good", "gauge",
                "0 when the file cannot be used as it is: the keys that were read before are in force.", good);
}

static void show_service(struct text_buffer *text, struct service *service)
{
    struct subscriptions *subscriptions = &service->subscriptions;
    show_head(text, "dialogsd_build_info", "gauge", "The version that runs.");
    buffer_add_format(text, "dialogsd_build_info{version=\"%s\"} 1\n", dlg_version());
    show_number(text, "dialogsd_ready", "gauge", "1 when requests can be served, as /readyz says.",
                backend_trouble(&service->backend) == NULL);
    show_number(text, "dialogsd_http_requests_active", "gauge", "Requests that have begun and are not answered.",
                atomic_load(&service->active));
    show_number(text, "dialogsd_connections", "gauge", "Connections that are open.",
                connections_count(&service->connections));
    show_number(text, "dialogsd_connections_refused_total", "counter",
                "Connections closed at once, above all because their address had too many.",
                atomic_load(&service->connections.refused));
    show_number(text, "dialogsd_memory_bytes", "gauge", "What bodies, answers and events hold.",
                atomic_load(&service->memory.used));
    show_number(text, "dialogsd_memory_limit_bytes", "gauge", "... and may hold: a half of --memory.",
                service->memory.most);
    show_number(text, "dialogsd_memory_refused_total", "counter", "... times that something was refused for it.",
                atomic_load(&service->memory.refused));
    show_number(text, "dialogsd_streams", "gauge", "Streams of events that are open.",
                atomic_load(&subscriptions->streams));
    show_number(text, "dialogsd_events_published_total", "counter", "Messages that somebody listened for.",
                atomic_load(&subscriptions->published));
    show_number(text, "dialogsd_events_delivered_total", "counter", "Messages written to streams.",
                atomic_load(&subscriptions->delivered));
    show_number(text, "dialogsd_streams_cut_total", "counter", "Streams that were cut off because nobody read them.",
                atomic_load(&subscriptions->slow));
    show_number(text, "dialogsd_tokens_revoked", "gauge", "Tokens revoked and tickets used that have not expired.",
                revoked_tokens_count(&service->revoked_tokens));
    show_number(text, "dialogsd_requests_waiting", "gauge", "Requests that wait for the database.",
                atomic_load(&service->busy));
    show_number(text, "dialogsd_requests_limit", "gauge",
                "How many may; fewer while they wait longer than they should.", atomic_load(&service->admission.limit));
    show_number(text, "dialogsd_passwords_waiting", "gauge", "Logins and registrations that wait for their turn.",
                fair_queue_waiting(&service->passwords));
    show_number(text, "dialogsd_searches_waiting", "gauge", "Searches for users that wait for their turn.",
                fair_queue_waiting(&service->searches));
    show_keys(text, service);
    if (replicas_up(&service->replicas) >= 0)
        show_number(text, "dialogsd_redis_up", "gauge", "1 when the replicas hear each other over Redis.",
                    (uint64_t)replicas_up(&service->replicas));
}

static void show_batches(struct text_buffer *text, const dlg_stats *stats)
{
    static const char name[] = "dialogs_batch_messages";
    uint64_t count = 0;
    show_head(text, name, "histogram", "Messages that shared a commit.");
    for (size_t i = 0; i < DLG_BATCH_SIZES - 1; i++) {
        count += stats->batch_sizes[i];
        buffer_add_format(text, "%s_bucket{le=\"%u\"} %llu\n", name, 1u << i, (unsigned long long)count);
    }
    count += stats->batch_sizes[DLG_BATCH_SIZES - 1];
    buffer_add_format(text, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)count);
    buffer_add_format(text, "%s_sum %llu\n", name, (unsigned long long)stats->batched);
    buffer_add_format(text, "%s_count %llu\n", name, (unsigned long long)count);
}

static void show_library(struct text_buffer *text, const dlg_stats *stats)
{
    show_number(text, "dialogs_queue_requests", "gauge", "Requests to the database accepted and not completed.",
                stats->queued);
    show_number(text, "dialogs_queue_bytes", "gauge", "Memory of those.", stats->queued_bytes);
    show_number(text, "dialogs_requests_total", "counter", "Requests to the database accepted.", stats->requests);
    show_number(text, "dialogs_requests_completed_total", "counter", "... completed.", stats->completed);
    show_number(text, "dialogs_requests_failed_total", "counter", "... completed with an error.", stats->failed);
    show_number(text, "dialogs_messages_sent_total", "counter", "Messages stored.", stats->sends);
    show_number(text, "dialogs_batches_total", "counter", "Commits that stored them.", stats->batches);
    show_batches(text, stats);
    show_number(text, "dialogs_retries_total", "counter", "Statements that were run again.", stats->retries);
    show_number(text, "dialogs_reconnects_total", "counter", "Connections to the database made again.",
                stats->reconnects);
    show_number(text, "dialogs_overloads_total", "counter", "Requests refused because a queue was full.",
                stats->overloads);
    show_number(text, "dialogs_database_connections", "gauge", "Connections to the database.", stats->connections);
    show_number(text, "dialogs_password_checks_queued", "gauge", "Password checks waiting or running.",
                stats->hash_queued);
    show_number(text, "dialogs_routed_total", "counter",
                "On a cluster: statements sent straight to the owner of the shard.", stats->routed);
    show_number(text, "dialogs_fallback_total", "counter", "... sent through the coordinator instead.",
                stats->fallback);
    show_number(text, "dialogs_stale_maps_total", "counter", "... times that the map of shards was found to be old.",
                stats->stale);
}

void metrics_show(struct request_ctx *ctx)
{
    struct service *service = ctx->service;
    struct text_buffer text = {0};
    dlg_stats stats = DLG_STATS_INIT;
    show_requests(&text, service->routes, &service->metrics);
    show_durations(&text, service->routes, &service->metrics);
    show_service(&text, service);
    if (dlg_stats_get(&stats, service->backend.client) == DLG_OK)
        show_library(&text, &stats);
    ctx->answer_length = text.length;
    struct MHD_Response *response = response_new(&text);
    response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    reply_send(ctx, 200, response, "text/plain; version=0.0.4; charset=utf-8");
}
