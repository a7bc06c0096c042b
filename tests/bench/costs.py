"""What one request costs in the client, and in the memory of the service. The rival is the limit that we set ourselves."""

import probes
from loads import fill, fill_dialog, prepare, user
from measure import Contest, Limit
from servers import Servers
from services import add_users, dialogsd, login

LONG = 10**6


def instructions(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill(server, 20, 50000)
        send = probes.Instructions(server.conninfo, "send", 4000, users=2000)
        page = probes.Instructions(server.conninfo, "list", 400, users=20)
        yield from wanted([
            Limit("client_instructions_send", "instructions per send, 64 in flight, without libpq's", 6000, send.ours),
            Limit("client_instructions_list", "instructions per list of 50, 64 in flight, without libpq's", 25000,
                  page.ours),
            Contest("client_instructions_send_all", "instructions per send, libpq's too", "-", send.all, send.ours,
                    "without libpq's"),
            Contest("client_instructions_list_all", "instructions per list of 50, libpq's too", "-", page.all, page.ours,
                    "without libpq's")])


def stream_memory(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill_dialog(server, 2, LONG)
        with dialogsd(server) as service:
            add_users(server, 2)
            token = login(service, user(1))
            yield from wanted([
                Limit("stream_memory_mib", "MiB at most, of the service that streams 10^6 messages", 64,
                      lambda: probes.stream(service, f"/dialog/{user(2)}/list", token, LONG))])


GROUPS = {
    instructions: ["client_instructions_send", "client_instructions_list", "client_instructions_send_all",
                   "client_instructions_list_all"],
    stream_memory: ["stream_memory_mib"],
}
