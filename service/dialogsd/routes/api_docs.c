#include "routes/api_docs.h"

#include "http/reply.h"
#include "http/request_ctx.h"
#include "ops/service_log.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "/swagger/"
#define INDEX "index.html"

/* Nothing is loaded from anywhere else; the page styles itself from its script. */
#define POLICY                                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".png", "image/png"},
        {".json", "application/json"},
        {".yaml", "application/yaml; charset=utf-8"},
        {".svg", "image/svg+xml; charset=utf-8"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return NULL;
}

/* FNV-1a, 64 bits: a name for this content, no proof of it. */
static void name_content(struct page *page)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < page->length; i++)
        hash = (hash ^ (unsigned char)page->data[i]) * 0x100000001b3u;
    snprintf(page->etag, sizeof page->etag, "\"%016llx\"", (unsigned long long)hash);
}

static bool read_whole(FILE *file, struct text_buffer *text)
{
    enum { PIECE = 65536 };
    for (;;) {
        char *to = buffer_reserve(text, PIECE);
        size_t length = to ? fread(to, 1, PIECE, file) : 0;
        text->length += length;
        if (!length)
            return !text->failed && !ferror(file);
    }
}

static bool read_page(struct page *page, const char *path, const char *name)
{
    struct text_buffer content = {0};
    FILE *file = fopen(path, "re");
    bool good = file && read_whole(file, &content);
    if (file)
        fclose(file);
    *page = (struct page){strdup(name), content.data, content.length, type_of(name), ""};
    name_content(page);
    return good && page->name;
}

static bool add_page(struct pages *pages, const char *directory, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= PATH_MAX)
        return say("the path %s is too long", directory);
    struct page *list = realloc(pages->list, (pages->count + 1) * sizeof *list);
    if (!list)
        return say("out of memory");
    pages->list = list;
    return read_page(&list[pages->count++], path, name) || say("cannot read %s: %s", path, strerror(errno));
}

static bool add_directory(struct pages *pages, const char *directory)
{
    DIR *files = opendir(directory);
    if (!files)
        return say("cannot read the API page's directory %s: %s", directory, strerror(errno));
    bool good = true;
    for (struct dirent *entry; good && (entry = readdir(files));)
        if (type_of(entry->d_name))
            good = add_page(pages, directory, entry->d_name);
    closedir(files);
    return good;
}

static bool has_index(const char *directory)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/" INDEX, directory) < PATH_MAX && access(path, R_OK) == 0;
}

/* The first place that has the page, or NULL. */
static const char *look_for(char *found, size_t size)
{
    static const char *const beside[] = {"swagger", "../share/dialogsd/swagger"};
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    for (size_t i = 0; slash && i < sizeof beside / sizeof *beside; i++) {
        *slash = '\0';
        if (snprintf(found, size, "%s/%s", program, beside[i]) < (int)size && has_index(found))
            return found;
    }
    return has_index(DIALOGSD_PAGES) ? DIALOGSD_PAGES : NULL;
}

bool pages_open(struct pages *pages, const char *directory)
{
    char found[PATH_MAX];
    *pages = (struct pages){0};
    if (!directory && !(directory = look_for(found, sizeof found))) {
        say("the API page is not installed; /swagger/ will be empty (say where it is with --pages DIR)");
        return true;
    }
    return add_directory(pages, directory);
}

void pages_close(struct pages *pages)
{
    for (size_t i = 0; i < pages->count; i++) {
        free(pages->list[i].name);
        free(pages->list[i].data);
    }
    free(pages->list);
}

/* Relative, so that a proxy may serve us under a prefix. */
static const char *redirection(const char *path)
{
    if (strcmp(path, "/") == 0 || strcmp(path, "/swagger") == 0)
        return "swagger/" INDEX;
    return strcmp(path, PREFIX) == 0 ? INDEX : NULL;
}

static const struct page *page_find(const struct pages *pages, const char *path)
{
    if (strncmp(path, PREFIX, sizeof PREFIX - 1) != 0)
        return NULL;
    for (size_t i = 0; i < pages->count; i++)
        if (strcmp(pages->list[i].name, path + sizeof PREFIX - 1) == 0)
            return &pages->list[i];
    return NULL;
}

static void send_page(struct request_ctx *ctx, const struct page *page)
{
    const char *known = ctx_header(ctx, MHD_HTTP_HEADER_IF_NONE_MATCH, NULL);
    bool same = known && strstr(known, page->etag);
    ctx->answer_length = same ? 0 : page->length;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(same ? 0 : page->length, page->data, MHD_RESPMEM_PERSISTENT);
    reply_header(response, MHD_HTTP_HEADER_ETAG, page->etag);
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    reply_header(response, "Content-Security-Policy", POLICY);
    reply_header(response, "Referrer-Policy", "no-referrer");
    reply_send(ctx, same ? 304 : 200, response, page->type);
}

static void redirect(struct request_ctx *ctx, const char *url)
{
    struct text_buffer empty = {0};
    struct MHD_Response *response = reply_new(&empty);
    reply_header(response, MHD_HTTP_HEADER_LOCATION, url);
    reply_send(ctx, 302, response, NULL);
}

bool pages_answer(struct request_ctx *ctx, const char *path)
{
    const char *url = redirection(path);
    const struct page *page = page_find(&ctx->service->pages, path);
    if (!url && !page)
        return false;
    bool reads = strcmp(ctx->method, "GET") == 0 || strcmp(ctx->method, "HEAD") == 0;
    snprintf(ctx->match.allow, sizeof ctx->match.allow, "GET, HEAD, OPTIONS");
    if (strcmp(ctx->method, "OPTIONS") == 0)
        reply_options(ctx);
    else if (!reads)
        reply_error(ctx, 405, 405, "this path takes GET, HEAD, OPTIONS");
    else if (url)
        redirect(ctx, url);
    else
        send_page(ctx, page);
    return true;
}
