#include "journal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LINE = 8192 };

struct journal {
    FILE *file;
    int process;
    int64_t bytes, most_bytes;
    pthread_mutex_t lock;
};

struct journal *journal_open(const char *path, int process, int64_t most_bytes)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return NULL;
    journal->file = fopen(path, "ae");
    if (!journal->file) {
        free(journal);
        return NULL;
    }
    journal->process = process;
    journal->most_bytes = most_bytes;
    setvbuf(journal->file, NULL, _IOFBF, LINE);
    pthread_mutex_init(&journal->lock, NULL);
    return journal;
}

void journal_close(struct journal *journal)
{
    fclose(journal->file);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

bool journal_full(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    bool full = journal->bytes >= journal->most_bytes;
    pthread_mutex_unlock(&journal->lock);
    return full;
}

int64_t journal_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A log that cannot be written would make the checker find faults that are none. */
static void finish_line(struct journal *journal, int written)
{
    if (written < 0 || fflush(journal->file) != 0) {
        perror("journal");
        abort();
    }
    journal->bytes += written;
}

void journal_write(struct journal *journal, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&journal->lock);
    int written = fprintf(journal->file, "{\"p\":%d,", journal->process);
    written += vfprintf(journal->file, format, arguments);
    fputs("}\n", journal->file);
    finish_line(journal, written);
    pthread_mutex_unlock(&journal->lock);
    va_end(arguments);
}

void journal_write_view(struct journal *journal, const char *begin, const struct view *view)
{
    const struct outcome *outcome = &view->outcome;
    uint32_t sum = 0;
    pthread_mutex_lock(&journal->lock);
    int written = fprintf(journal->file, "{\"p\":%d,%s,\"c\":%d", journal->process, begin, outcome->code);
    if (outcome->code) {
        written += fprintf(journal->file, ",\"why\":\"%s\"", outcome->reason);
    } else {
        written += fprintf(journal->file, ",\"more\":%d,\"again\":%d,\"m\":[", view->more, view->again);
        for (size_t i = 0; i < view->count; i++) {
            const struct entry *entry = &view->entries[i];
            written +=
                fprintf(journal->file, "%s%lld,%lld", i ? "," : "", (long long)entry->id, (long long)entry->created_us);
            sum += entry->crc;
        }
        written += fprintf(journal->file, "],\"x\":%u", sum);
    }
    fputs("}\n", journal->file);
    finish_line(journal, written);
    pthread_mutex_unlock(&journal->lock);
}
