#include "import/fake_data.h"

#include <stdio.h>
#include <string.h>

static const char *const first_names[] = {"Ada",  "Анна",  "Bruno", "Chiara", "Дарья", "Emil", "Eva",    "Иван",
                                          "João", "Katya", "Лев",   "Lucía",  "Mila",  "Noor", "Сергей", "Zoë"};
static const char *const second_names[] = {"Abbott", "Белова", "Costa",  "Dvořák", "Егоров", "Fischer",
                                           "García", "Ильин",  "Jensen", "Котова", "Lehner", "Moreau",
                                           "Ника",   "Rossi",  "Титов",  "Young"};
static const char *const cities[] = {"Berlin", "Вологда", "Firenze", "Kraków", "Lisboa", "Málaga", "Oslo", "Тверь"};
static const char *const words[] = {
    "a",       "again", "and",   "because", "bring", "but",  "by",    "come",     "did",   "do",    "early",
    "evening", "for",   "from",  "good",    "have",  "here", "home",  "how",      "I",     "if",    "in",
    "is",      "it",    "know",  "late",    "later", "like", "maybe", "me",       "never", "new",   "not",
    "now",     "of",    "on",    "perhaps", "see",   "so",   "some",  "soon",     "tell",  "thank", "that",
    "the",     "then",  "there", "think",   "this",  "to",   "today", "tomorrow", "train", "was",   "we",
    "well",    "what",  "when",  "where",   "with",  "work", "yes",   "yet",      "you"};

#define PICK(prng, list) (list)[prng_below(prng, sizeof(list) / sizeof *(list))]

/* One number after the other: the order of evaluation is part of what a seed promises. */
void fake_user(struct prng *prng, int64_t created_us, struct fake_user *person)
{
    dlg_user *user = &person->user;
    *user = (dlg_user)DLG_USER_INIT;
    for (size_t i = 0; i < sizeof user->id.bytes; i++)
        user->id.bytes[i] = (uint8_t)prng_below(prng, 256);
    user->id.bytes[6] = (uint8_t)((user->id.bytes[6] & 0x0f) | 0x80);
    user->id.bytes[8] = (uint8_t)((user->id.bytes[8] & 0x3f) | 0x80);
    user->first_name = PICK(prng, first_names);
    user->second_name = PICK(prng, second_names);
    user->city = PICK(prng, cities);
    unsigned year = 1940 + (unsigned)prng_below(prng, 70);
    unsigned month = 1 + (unsigned)prng_below(prng, 12);
    unsigned day = 1 + (unsigned)prng_below(prng, 28);
    snprintf(person->birthdate, sizeof person->birthdate, "%04u-%02u-%02u", year, month, day);
    user->birthdate = person->birthdate;
    user->created_us = created_us;
}

size_t fake_text(struct prng *prng, char *text)
{
    size_t length = 0;
    uint64_t count = 2 + prng_below(prng, 24);
    for (uint64_t i = 0; i < count; i++) {
        const char *word = PICK(prng, words);
        length += (size_t)snprintf(text + length, FAKE_TEXT_SIZE - length, "%s%s", i ? " " : "", word);
    }
    text[length] = prng_below(prng, 4) ? '.' : '?';
    text[++length] = '\0';
    return length;
}
