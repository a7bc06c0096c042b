/*
 * memory_budget.h - one account of the bytes that requests, answers and events hold, so that the service stays within
 * its memory whatever is asked.
 *
 * Each thing that holds memory for a client has a holding. It takes bytes before it uses them. When the budget is
 * spent, or when one address or one user holds more than its share, the answer is no, and the client gets 503. The last
 * eighth is for those who hold little, so that many who hold much do not shut them out. Shares are counted by a hash:
 * two who meet share one, which nobody can choose.
 */
#ifndef DIALOGSD_MEMORY_BUDGET_H
#define DIALOGSD_MEMORY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEMORY_SHARES = 4096 };

struct memory_budget {
    size_t most;
    uint8_t key[16]; /* of the hash */
    atomic_size_t used;
    atomic_size_t peak; /* of `used`, since the memory was last given back to the system */
    atomic_uint_fast64_t refused;
    atomic_size_t shares[MEMORY_SHARES];
};

/* Of an address up to a half of all, of a user up to an eighth. */
enum memory_share { SHARE_ADDRESS, SHARE_USER, SHARES };

struct memory_holding {
    struct memory_budget *budget;
    uint32_t slots[SHARES]; /* which share counts it, and 1; 0: none */
    size_t bytes;
};

void memory_budget_open(struct memory_budget *budget, size_t most);

/* Whose share counts what the holding takes from now on. It holds nothing yet for others of this kind. */
void memory_holding_for(struct memory_holding *holding, enum memory_share share, const void *whose, size_t length);

/* Takes so many bytes more. False: they are not to be had. Any thread, one at a time for each holding. */
bool memory_take(struct memory_holding *holding, size_t bytes);

/* Whether it could take so many bytes more now. */
bool memory_has_room(const struct memory_holding *holding, size_t bytes);

/* Gives all back, or all but so many bytes. */
void memory_give(struct memory_holding *holding);
void memory_give_but(struct memory_holding *holding, size_t bytes);

/* Gives freed memory back to the system after a peak. For the main thread, now and then. */
void memory_budget_trim(struct memory_budget *budget);

#endif
