/* Users from CSV, and texts from files: what is a row and what is none. */
#include "import/csv_users.h"
#include "check.h"
#include "import/text_split.h"

#include <stdlib.h>
#include <string.h>

static struct csv_users users;
static FILE *file;

static void begin(const char *content, size_t length)
{
    file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
    rewind(file);
    assert_true(csv_users_init(&users, file));
}

static void end(void)
{
    dlg_user user;
    assert_int_equal(csv_users_next(&users, &user), CSV_END);
    assert_int_equal(csv_users_next(&users, &user), CSV_END);
    csv_users_free(&users);
    fclose(file);
}

static void begin_text(const char *content)
{
    begin(content, strlen(content));
}

static void expect_user(const char *second, const char *first, const char *birthdate, const char *city)
{
    dlg_user user;
    assert_int_equal(csv_users_next(&users, &user), CSV_USER);
    assert_string_equal(user.second_name ? user.second_name : "", second);
    assert_string_equal(user.first_name ? user.first_name : "", first);
    assert_string_equal(user.birthdate ? user.birthdate : "", birthdate);
    assert_string_equal(user.city ? user.city : "", city);
}

static void expect_columns(uint64_t line, const char *problem)
{
    dlg_user user;
    assert_int_equal(csv_users_next(&users, &user), CSV_COLUMNS);
    assert_int_equal(users.line, line);
    assert_string_equal(users.problem, problem);
}

static void expect_bad(uint64_t line, const char *problem)
{
    dlg_user user;
    assert_int_equal(csv_users_next(&users, &user), CSV_BAD);
    assert_int_equal(users.line, line);
    if (!strstr(users.problem, problem))
        fail_msg("\"%s\" does not say \"%s\"", users.problem, problem);
}

static void the_customary_form(void **state)
{
    (void)state;
    begin_text("Абрамов Алексей,1980-06-21,Воткинск\nLee Ann Mary,1990-01-02, New York \r\nPrince,,\n");
    expect_user("Абрамов", "Алексей", "1980-06-21", "Воткинск");
    expect_user("Lee", "Ann Mary", "1990-01-02", "New York");
    expect_user("Prince", "", "", "");
    end();
}

static void a_header_names_columns(void **state)
{
    (void)state;
    begin_text("\xef\xbb\xbf"
               "City,shoe size,LAST_NAME,first_name,id\r\n"
               "Ulm,43,Lee,Ann,387ac1c1-6581-4ace-a113-707c8585fe28\r\n"
               "Ulm,44,Roe,Bob,\r\n");
    expect_columns(1, "unknown columns: \"shoe size\"");
    dlg_user user;
    char id[DLG_UUID_TEXT_SIZE];
    assert_int_equal(csv_users_next(&users, &user), CSV_USER);
    dlg_uuid_format(id, &user.id);
    assert_string_equal(id, "387ac1c1-6581-4ace-a113-707c8585fe28");
    assert_string_equal(user.first_name, "Ann");
    assert_string_equal(user.second_name, "Lee");
    assert_string_equal(user.city, "Ulm");
    assert_null(user.birthdate);
    expect_user("Roe", "Bob", "", "Ulm");
    end();
}

static void unknown_columns_are_named(void **state)
{
    (void)state;
    begin_text("\n,name,Birthdate,\"first\nname\",byrthday\n1,Lee Ann,1990-01-02,x,y\n");
    expect_columns(2, "unknown columns: \"\", \"first\nname\", \"byrthday\"");
    expect_user("Lee", "Ann", "1990-01-02", "");
    end();
    char header[4096] = "name";
    for (int i = 1; i < CSV_FIELDS; i++)
        sprintf(header + strlen(header), ",a long name of column %d", i);
    begin_text(header);
    dlg_user user;
    assert_int_equal(csv_users_next(&users, &user), CSV_COLUMNS);
    assert_non_null(strstr(users.problem, "column 5\", \"a long"));
    assert_string_equal(users.problem + strlen(users.problem) - 3, "...");
    end();
}

static void quotes_are_rfc_4180(void **state)
{
    (void)state;
    begin_text("name,city\n\"Lee Ann\",\"Ulm, \"\"the\"\" town\"\n\"Roe\nBob\",\" spaces \"\n\"\",\"\"\n");
    expect_user("Lee", "Ann", "", "Ulm, \"the\" town");
    expect_user("Roe\nBob", "", "", " spaces ");
    expect_user("", "", "", "");
    end();
}

static void empty_lines_and_a_last_line_without_end(void **state)
{
    (void)state;
    begin_text("\n \r\nLee Ann,1990-01-02,Ulm\n\n\nRoe Bob,1990-01-03,Bonn");
    expect_user("Lee", "Ann", "1990-01-02", "Ulm");
    expect_user("Roe", "Bob", "1990-01-03", "Bonn");
    end();
    begin_text("");
    end();
    begin_text("name,city\n");
    end();
}

static void bad_rows_are_named_and_passed_over(void **state)
{
    (void)state;
    begin_text("name,id\nLee Ann,7\nRoe,,more\nonly\na\"b,\n\n\"multi\nline\",x\nDoe Jo,\n\"open,\n");
    expect_bad(2, "no UUID");
    expect_bad(3, "3 fields instead of 2");
    expect_bad(4, "1 fields instead of 2");
    expect_bad(5, "quote");
    expect_bad(7, "no UUID");
    expect_user("Doe", "Jo", "", "");
    expect_bad(10, "not closed");
    end();
}

static void nul_is_no_text(void **state)
{
    (void)state;
    static const char content[] = "Lee\0Ann,1990-01-02,Ulm\nRoe Bob,,\n";
    begin(content, sizeof content - 1);
    expect_bad(1, "NUL");
    expect_user("Roe", "Bob", "", "");
    end();
}

static void rows_have_a_limit(void **state)
{
    (void)state;
    size_t length = 3 * CSV_ROW_LIMIT;
    char *content = malloc(length + 64);
    memset(content, 'x', length);
    int used = snprintf(content, 64, "Roe Bob,,\n\""); /* a quote that is never closed */
    content[used] = 'x';
    for (size_t i = 1000; i < length; i += 1000)
        content[i] = '\n';
    begin(content, length);
    expect_user("Roe", "Bob", "", "");
    dlg_user user;
    enum csv_result result;
    expect_bad(2, "too long");
    while ((result = csv_users_next(&users, &user)) == CSV_BAD)
        assert_non_null(strstr(users.problem, "fields"));
    assert_int_equal(result, CSV_END);
    end();
    memset(content, 'x', length); /* one line */
    begin(content, length);
    expect_bad(1, "too long");
    end();
    free(content);
}

static void ids_follow_from_the_file(void **state)
{
    (void)state;
    dlg_user user;
    dlg_uuid ids[2][3];
    for (int turn = 0; turn < 2; turn++) {
        begin_text("Lee Ann,1990-01-02,Ulm\nLee Ann,1990-01-02,Ulm\nRoe Bob,,\n");
        for (int i = 0; i < 3; i++) {
            assert_int_equal(csv_users_next(&users, &user), CSV_USER);
            ids[turn][i] = user.id;
            assert_int_equal(user.id.bytes[6] >> 4, 8);
            assert_int_equal(user.id.bytes[8] >> 6, 2);
        }
        end();
    }
    assert_memory_equal(ids[0], ids[1], sizeof ids[0]);
    assert_int_not_equal(dlg_uuid_compare(&ids[0][0], &ids[0][1]), 0);
}

/* ---- Texts ---- */

static struct text_split split;

static void begin_texts(const char *content, enum text_form form, const char *separator, size_t limit)
{
    file = tmpfile();
    assert_non_null(file);
    fputs(content, file);
    rewind(file);
    text_split_init(&split, file, form, separator, limit);
}

static void expect_text(const char *text, uint64_t line)
{
    assert_true(text_split_next(&split));
    assert_int_equal(split.length, strlen(text));
    assert_memory_equal(split.bytes, text, split.length);
    assert_int_equal(split.number, line);
    assert_false(split.cut);
}

static void end_texts(void)
{
    assert_false(text_split_next(&split));
    text_split_free(&split);
    fclose(file);
}

static void a_text_in_each_line(void **state)
{
    (void)state;
    begin_texts("one\n\n  two \r\n%\nlast", TEXT_LINES, NULL, 100);
    expect_text("one", 1);
    expect_text("  two ", 3);
    expect_text("%", 4);
    expect_text("last", 5);
    end_texts();
    begin_texts("\n\n", TEXT_LINES, NULL, 100);
    end_texts();
}

static void a_text_in_each_paragraph(void **state)
{
    (void)state;
    begin_texts("\n\none\ntwo\n\n\r\n\nthree\n", TEXT_PARAGRAPHS, NULL, 100);
    expect_text("one\ntwo", 3);
    expect_text("three", 8);
    end_texts();
}

/* The same text from whatever editor. */
static void texts_of_other_systems(void **state)
{
    (void)state;
    static const char *const systems[] = {
        "one\ntwo\n\nthree\r four\n",
        "one\r\ntwo\r\n\r\nthree\r four\r\n",
        "\xef\xbb\xbfone\r\ntwo\r\n\r\nthree\r four\r",
    };
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        begin_texts(systems[i], TEXT_PARAGRAPHS, NULL, 12);
        expect_text("one\ntwo", 1);
        expect_text("three\r four", 4);
        end_texts();
        begin_texts(systems[i], TEXT_LINES, NULL, 12);
        expect_text("one", 1);
        expect_text("two", 2);
        expect_text("three\r four", 4);
        end_texts();
        begin_texts(systems[i], TEXT_SEPARATED, "two", 12);
        expect_text("one", 1);
        expect_text("\nthree\r four", 3);
        end_texts();
    }
    begin_texts("\xef\xbb\xbf", TEXT_PARAGRAPHS, NULL, 12);
    end_texts();
}

static void texts_between_separators(void **state)
{
    (void)state;
    begin_texts("one\n\ntwo\n%\n%\nthree %\n%%\n%\n\n%\nfour\n%\n", TEXT_SEPARATED, "%", 100);
    expect_text("one\n\ntwo", 1);
    expect_text("three %\n%%", 6);
    expect_text("four", 11);
    end_texts();
}

static void long_texts_are_cut_and_said(void **state)
{
    (void)state;
    begin_texts("12345\n123456\n1234567890123\n1\n", TEXT_LINES, NULL, 5);
    expect_text("12345", 1);
    assert_true(text_split_next(&split));
    assert_true(split.cut);
    assert_int_equal(split.number, 2);
    assert_true(text_split_next(&split));
    assert_true(split.cut);
    expect_text("1", 4);
    end_texts();
    begin_texts("12\n45\n%\n12\n456\n%\n1\n2\n3\n4\n%\n1\n%\n", TEXT_SEPARATED, "%", 5);
    expect_text("12\n45", 1);
    assert_true(text_split_next(&split));
    assert_true(split.cut);
    assert_int_equal(split.number, 4);
    assert_true(text_split_next(&split));
    assert_true(split.cut);
    assert_int_equal(split.number, 7);
    expect_text("1", 12);
    end_texts();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_customary_form),
        cmocka_unit_test(a_header_names_columns),
        cmocka_unit_test(unknown_columns_are_named),
        cmocka_unit_test(quotes_are_rfc_4180),
        cmocka_unit_test(empty_lines_and_a_last_line_without_end),
        cmocka_unit_test(bad_rows_are_named_and_passed_over),
        cmocka_unit_test(nul_is_no_text),
        cmocka_unit_test(rows_have_a_limit),
        cmocka_unit_test(ids_follow_from_the_file),
        cmocka_unit_test(a_text_in_each_line),
        cmocka_unit_test(a_text_in_each_paragraph),
        cmocka_unit_test(texts_of_other_systems),
        cmocka_unit_test(texts_between_separators),
        cmocka_unit_test(long_texts_are_cut_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
