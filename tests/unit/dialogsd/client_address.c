#include "guard/client_address.h"

#include "check.h"

#include <string.h>

static void one_spelling(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"192.0.2.1", "192.0.2.1"},           {"192.0.2.1:40000", "192.0.2.1"},
        {"2001:DB8:0:0::7", "2001:db8::7"},   {"[2001:db8::7]", "2001:db8::7"},
        {"[2001:db8::7]:443", "2001:db8::7"}, {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[::ffff:c000:201]:9", "192.0.2.1"}, {"::1", "::1"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char address[INET6_ADDRSTRLEN] = "";
        assert_true(client_address_read(same[i][0], strlen(same[i][0]), address));
        assert_string_equal(address, same[i][1]);
    }
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "unknown", "192.0.2",   "192.0.2.1.5", "[2001:db8::7",
                                        "[]:1", ":",       "_hidden:1", "2001:db8::g", "fe80::1%eth0"};
    char address[INET6_ADDRSTRLEN] = "as it was", longer[4096];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(client_address_read(wrong[i], strlen(wrong[i]), address));
    memset(longer, '1', sizeof longer);
    assert_false(client_address_read(longer, sizeof longer, address));
    assert_string_equal(address, "as it was");
}

static void the_last_of_a_list(void **state)
{
    (void)state;
    char address[INET6_ADDRSTRLEN] = "";
    assert_true(client_address_last("10.9.8.7, 192.0.2.1", address));
    assert_string_equal(address, "192.0.2.1");
    assert_true(client_address_last("10.9.8.7,\t 2001:db8::7 \t", address));
    assert_string_equal(address, "2001:db8::7");
    assert_false(client_address_last("192.0.2.1, unknown", address)); /* what stands before is the client's word */
    assert_false(client_address_last("192.0.2.1,", address));
    assert_false(client_address_last("", address));
}

static void one_network_of_many_addresses(void **state)
{
    (void)state;
    static const char *const networks[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"},
        {"2001:db8:1:3::1", "2001:db8:1:3::/64"},
        {"::1", "::/64"},
    };
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        char network[NETWORK_SIZE];
        client_address_network(networks[i][0], network);
        assert_string_equal(network, networks[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_spelling),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(the_last_of_a_list),
        cmocka_unit_test(one_network_of_many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
