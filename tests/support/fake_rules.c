/* fake_rules.c - what happened at a fake server, and the rules of what happens next. */
#include "check.h"
#include "fake_private.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AWAIT_S = 20 };

/* ---- Rules ---- */

static bool has_text(const struct fake_call *call, const char *text)
{
    for (int i = 0; call && i < call->count; i++)
        if (call->lengths[i] > 0 && memmem(call->values[i], (size_t)call->lengths[i], text, strlen(text)))
            return true;
    return false;
}

static bool rule_take(struct fake_rule *rule, const char *event, const struct fake_call *call)
{
    if (rule->times < 0 || fnmatch(rule->on, event, 0) != 0 || (rule->having && !has_text(call, rule->having)))
        return false;
    if (rule->skip > 0) {
        rule->skip--;
        return false;
    }
    if (rule->times > 0 && --rule->times == 0)
        rule->times = -1; /* used up */
    return true;
}

bool fake_event(struct fake *fake, const char *event, const struct fake_call *call, struct fake_rule *rule)
{
    wire_text(&fake->trace, event);
    pthread_cond_broadcast(&fake->news);
    for (int i = 0; i < fake->rule_count; i++) {
        if (rule_take(&fake->rules[i], event, call)) {
            *rule = fake->rules[i];
            return true;
        }
    }
    return false;
}

void fake_on(struct fake *fake, struct fake_rule rule)
{
    pthread_mutex_lock(&fake->lock);
    bool room = fake->rule_count < FAKE_RULES;
    if (room)
        fake->rules[fake->rule_count++] = rule;
    pthread_mutex_unlock(&fake->lock);
    assert_true(room);
}

void fake_behave(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->rule_count = 0;
    pthread_mutex_unlock(&fake->lock);
}

/* ---- The trace ---- */

static int count_events(const struct fake *fake, const char *pattern)
{
    int count = 0;
    for (size_t at = 0; at < fake->trace.length; at += strlen(fake->trace.bytes + at) + 1)
        count += fnmatch(pattern, fake->trace.bytes + at, 0) == 0;
    return count;
}

int fake_count(struct fake *fake, const char *pattern)
{
    pthread_mutex_lock(&fake->lock);
    int count = count_events(fake, pattern);
    pthread_mutex_unlock(&fake->lock);
    return count;
}

void fake_await(struct fake *fake, const char *pattern, int count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += AWAIT_S;
    pthread_mutex_lock(&fake->lock);
    int late = 0;
    while (count_events(fake, pattern) < count && !late)
        late = pthread_cond_timedwait(&fake->news, &fake->lock, &until);
    pthread_mutex_unlock(&fake->lock);
    if (late)
        fail_msg("\"%s\" did not happen %d times", pattern, count);
}

char *fake_trace(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    char *text = malloc(fake->trace.length + 1);
    for (size_t i = 0; i < fake->trace.length; i++)
        text[i] = fake->trace.bytes[i] ? fake->trace.bytes[i] : '\n';
    text[fake->trace.length] = '\0';
    pthread_mutex_unlock(&fake->lock);
    return text;
}

void fake_forget(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->trace.length = 0;
    pthread_mutex_unlock(&fake->lock);
}

void fake_assert_trace(struct fake *fake, const char *expected)
{
    char *trace = fake_trace(fake);
    if (strcmp(trace, expected) != 0)
        fail_msg("the trace is\n%s--- and should be\n%s", trace, expected);
    free(trace);
    fake_forget(fake);
}
