"""docker-compose.yml, as every docker-compose of this machine reads it: the customary lines start what they should."""

import functools
import os
import re
import subprocess
import unittest

import yaml

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def succeeds(command):
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


COMMANDS = [c for c in (("docker-compose",), ("docker", "compose")) if succeeds(c + ("version",))]


@functools.cache
def services_of(command, profiles, settings):
    options = tuple(word for profile in profiles for word in ("--profile", profile))
    # Settings of whoever runs this test are not those that are tested.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | dict(settings)
    run = subprocess.run(command + options + ("-p", "citus", "config"), cwd=TOP, env=environment,
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr == "", run.stderr
    return yaml.safe_load(run.stdout)["services"]


class Compose(unittest.TestCase):
    def test_there_is_a_docker_compose(self):
        self.assertTrue(COMMANDS, "install docker-compose")

    def each(self, *profiles, **settings):
        for command in COMMANDS:
            with self.subTest(command=command, profiles=profiles):
                yield services_of(command, profiles, tuple(settings.items()))

    def test_every_combination_of_profiles_is_accepted(self):
        for profiles in ((), ("citus",), ("redis",), ("citus", "redis")):
            for services in self.each(*profiles):
                for service in services.values():
                    for name in service.get("depends_on", {}):
                        self.assertIn(name, services)

    def test_profiles(self):
        for services in self.each("citus", "redis"):
            self.assertEqual({name: service.get("profiles") for name, service in services.items()},
                             {"coordinator": ["citus"], "worker": ["citus"], "data-loader": ["citus"],
                              "tables": ["citus"], "role": ["citus"], "redis": ["redis"], "app": None})

    def test_the_coordinator_is_where_everybody_looks_for_it(self):
        for services in self.each("citus"):
            coordinator = services["coordinator"]
            self.assertEqual(coordinator["container_name"], "citus_master")
            self.assertEqual((coordinator["environment"]["POSTGRES_USER"], coordinator["environment"]["POSTGRES_DB"]),
                             ("highload", "highload"))
            self.assertRegex(str(coordinator["ports"]), r"127\.0\.0\.1.*5432.*5432")

    def test_workers_can_be_any_number(self):
        for services in self.each("citus"):
            for fixed in ("container_name", "ports", "hostname"):
                self.assertNotIn(fixed, services["worker"])
            self.assertEqual(services["worker"]["environment"]["COORDINATOR_HOST"], "coordinator")

    def test_shards_can_move(self):
        for services in self.each("citus"):
            for name in ("coordinator", "worker"):
                self.assertIn("wal_level=logical", services[name]["command"])

    def test_the_service_listens_where_everybody_looks_for_it(self):
        for services in self.each():
            self.assertRegex(str(services["app"]["ports"]), r"127\.0\.0\.1.*5000.*5000")
            self.assertNotIn("depends_on", services["app"])
        for services in self.each(PUBLISH="0.0.0.0"):
            self.assertRegex(str(services["app"]["ports"]), r"0\.0\.0\.0.*5000.*5000")

    def test_the_password_is_the_same_everywhere(self):
        for services in self.each("citus", POSTGRES_PASSWORD="another"):
            for name in ("coordinator", "worker", "tables", "role"):
                self.assertEqual(services[name]["environment"]["PGPASSWORD"], "another")
            for name in ("coordinator", "worker"):
                self.assertEqual(services[name]["environment"]["POSTGRES_PASSWORD"], "another")
                self.assertEqual(services[name]["environment"]["POSTGRES_HOST_AUTH_METHOD"], "scram-sha-256")

    def test_the_service_is_no_superuser(self):
        for services in self.each("citus", SERVICE_PASSWORD="its own", POSTGRES_PASSWORD="another"):
            for name in ("app", "data-loader"):
                environment = services[name]["environment"]
                self.assertEqual((environment["PGUSER"], environment["PGPASSWORD"]), ("dialogsd", "its own"))
                self.assertNotIn("another", environment.values())
            for name in ("coordinator", "worker", "role"):
                self.assertEqual(services[name]["environment"]["SERVICE_PASSWORD"], "its own")

    def test_services_meet_in_redis(self):
        for services in self.each("citus", "redis"):
            self.assertEqual(services["app"]["environment"]["DIALOGSD_REDIS"], "redis://redis")
        for services in self.each("citus", DIALOGSD_REDIS=""):
            self.assertEqual(services["app"]["environment"]["DIALOGSD_REDIS"], "")

    def test_demo_users_are_asked_for(self):
        for services in self.each():
            self.assertEqual(str(services["app"]["environment"]["DIALOGSD_DEMO"]), "0")
        for services in self.each(DEMO="1"):
            self.assertEqual(str(services["app"]["environment"]["DIALOGSD_DEMO"]), "1")

    def test_known_passwords_are_refused_where_others_reach_the_ports(self):
        """By the scripts; tests/cluster/service.sh has what they say."""
        for services in self.each("citus", PUBLISH="0.0.0.0"):
            for name in ("coordinator", "data-loader"):
                self.assertEqual(services[name]["environment"]["PUBLISH"], "0.0.0.0")
            self.assertEqual(services["coordinator"]["entrypoint"], ["sh", "/opt/dialogs/coordinator.sh"])

    def test_containers_have_no_more_rights_than_they_need(self):
        for services in self.each("citus", "redis"):
            for name, service in services.items():
                self.assertEqual(service["cap_drop"], ["ALL"], name)
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"], name)
                self.assertNotIn("cap_add", service, name)
                self.assertTrue(service["read_only"], name)
            # An init that is root and has no capabilities cannot hand a signal to a server of another user.
            for name in ("coordinator", "worker"):
                self.assertEqual(services[name]["user"], "postgres")

    def test_logs_have_an_end(self):
        for services in self.each("citus", "redis"):
            for name, service in services.items():
                self.assertEqual(service["logging"]["options"], {"max-size": "10m", "max-file": "3"}, name)

    def test_images_are_pinned(self):
        for services in self.each("citus", "redis"):
            for service in services.values():
                self.assertRegex(service["image"], r":\d+\.\d+\.\d+")
            # The next ones after it, up to 13.4, plan anew for every execution and keep what they planned.
            self.assertEqual(services["worker"]["image"], "citusdata/citus:13.2.0")
            self.assertEqual(services["coordinator"]["image"], services["worker"]["image"])

    def test_our_image_has_the_version_of_the_library(self):
        with open(os.path.join(TOP, "include", "dialogs", "base.h"), encoding="utf-8") as header:
            version = ".".join(re.findall(r"#define DLG_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header.read()))
        for services in self.each("citus"):
            for name in ("app", "data-loader", "tables"):
                self.assertEqual(services[name]["image"], "libdialogs:" + version)

    def test_everything_that_stays_has_a_health_check_and_comes_back(self):
        for services in self.each("citus", "redis"):
            for name, service in services.items():
                if name in ("data-loader", "tables", "role"):
                    self.assertNotEqual(service.get("restart", "no"), "unless-stopped")
                    continue
                self.assertEqual(service["restart"], "unless-stopped")
                self.assertIn(service["healthcheck"]["test"][0], ("CMD", "CMD-SHELL"))

    def test_who_waits_for_whom(self):
        for services in self.each("citus"):
            def conditions(name):
                return {on: how["condition"] for on, how in services[name].get("depends_on", {}).items()}

            self.assertEqual(conditions("worker"), {"coordinator": "service_healthy"})
            self.assertEqual(conditions("tables"), {"coordinator": "service_healthy"})
            self.assertEqual(conditions("role"), {"tables": "service_completed_successfully"})
            self.assertEqual(conditions("data-loader"), {"worker": "service_healthy", "app": "service_healthy"})


if __name__ == "__main__":
    unittest.main()
