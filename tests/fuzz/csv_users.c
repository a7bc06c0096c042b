/* Files of users, from anywhere. */
#include "fuzz.h"

#include "import/csv_users.h"

#include <string.h>

enum { ROWS_MOST = 10000 };

static void check_text(const char *text)
{
    FUZZ_CHECK(!text || strlen(text) <= CSV_ROW_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv_users users;
    dlg_user user;
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    if (!file)
        return 0;
    FUZZ_CHECK(csv_users_init(&users, file));
    for (int row = 0; row < ROWS_MOST; row++) {
        enum csv_result result = csv_users_next(&users, &user);
        if (result == CSV_END || result == CSV_FAILED)
            break;
        if (result == CSV_BAD || result == CSV_COLUMNS) {
            FUZZ_CHECK(users.problem && *users.problem);
            continue;
        }
        check_text(user.first_name);
        check_text(user.second_name);
        check_text(user.birthdate);
        check_text(user.biography);
        check_text(user.city);
    }
    csv_users_free(&users);
    fclose(file);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char columns[] =
        "id,first_name,second_name,birthdate,biography,city\r\n"
        "387ac1c1-6581-4ace-a113-707c8585fe28,Anna,Ivanova,1990-01-31,\"likes \"\"tea\"\",\nand cats\",Moscow\r\n";
    static const char *seeds[] = {"Ivanova Anna,1990-01-31,Moscow\nPetrov Boris,1985-12-01,Kazan\n", columns,
                                  "\xEF\xBB\xBFname,city\n\"Ivanova Anna\",\"Moscow\"\n", "name,name\n,\n", "\"open\n"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
