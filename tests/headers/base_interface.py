"""What the base interface for SWIG gives to a language, with nothing added: base_interface.py MODULE_DIR"""

import os
import select
import sys
import tempfile

sys.path.insert(0, sys.argv[1])
import dialogs as d  # noqa: E402


def good(code, error):
    problem = d.error_out_value(error)
    assert code == d.DLG_OK, (d.dlg_code_name(code), d.dlg_error_message(problem))


def options(timeout_us):
    made = d.dlg_list_options()
    assert made.version == d.DLG_LIST_OPTIONS_VERSION and made.limit > 0
    made.timeout_us = timeout_us
    return made


def texts(page):
    return [d.dlg_page_at(page, index).text for index in range(d.dlg_page_count(page))]


def converse(client, error):
    anna, boris = d.dlg_uuid("387ac1c1-6581-4ace-a113-707c8585fe28"), d.dlg_uuid("aa45b640-d501-4101-83f2-de96b672129f")
    assert d.dlg_uuid_text(anna) == "387ac1c1-6581-4ace-a113-707c8585fe28"
    receipt = d.dlg_receipt()
    good(d.dlg_send(receipt, client, anna, boris, "привет", None, error), error)
    good(d.dlg_send(receipt, client, boris, anna, "hello", d.dlg_send_options(), error), error)
    assert receipt.id and receipt.created_us
    page = d.new_page_out()
    good(d.dlg_list(page, client, anna, boris, options(10 ** 7), error), error)
    assert texts(d.page_out_value(page)) == ["привет", "hello"]
    d.dlg_page_free(d.page_out_value(page))
    assert d.dlg_list(page, client, d.dlg_uuid("nobody"), boris, None, error) == d.DLG_E_ARGUMENT
    good(d.dlg_list_async(client, boris, anna, None, None, None, error), error)
    assert select.select([d.dlg_reply_fd(client)], [], [], 30)[0]
    reply = d.dlg_reply_poll(client)
    assert texts(d.dlg_reply_page(reply)) == ["привет", "hello"]
    d.dlg_reply_free(reply)


def main():
    client, error = d.new_client_out(), d.new_error_out()
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o711)  # the server of a superuser runs as another
        good(d.dlg_open(client, f"embedded:{home}/data", None, error), error)
        converse(d.client_out_value(client), error)
        assert d.dlg_close(None, d.client_out_value(client), 0) == d.DLG_OK
    print("opened, sent, listed, and took a reply from the queue")


main()
