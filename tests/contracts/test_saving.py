"""What `bot.ports.ContainerHost` promises of saving and putting back, held against VMs in memory
and real ones."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import ContainerNotFound, EngineRefused, HostUnreachable
from bot.models import ContainerSpec, Mount, PortBinding
from bot.ports import ContainerHost
from sandbox.softlayer.hypervisor import Hypervisor
from tests.contracts.activity_worlds import (
    PASSWORD,
    RSTUDIO,
    ActivityWorld,
    FakeActivityWorld,
    RealActivityWorld,
    app_spec,
    container,
    look_until,
    only_real,
)
from tests.contracts.host_worlds import (
    QUITTER,
    QUITTER_ENVIRONMENT,
    SERVER,
    SERVER_PORTS,
    SLEEPER,
    FakeWorld,
    RealWorld,
    World,
    host_of,
    real_world,
    wait_until_ended,
    wipe,
)
from tests.fakes.hosts import FakeRun
from tests.pages import RStudioTab

engine = pytest.mark.engine

SOON = timedelta(seconds=20)
AT_ONCE = timedelta(0)
MB = 1_000_000
SAVED, OTHER = "ds-u1-workspace", "ds-u2-workspace"


@pytest.fixture(scope="module")
def vm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealActivityWorld]:
    """One real VM for the whole file, with RStudio pulled."""
    from sandbox.hub.hub import Hub
    from sandbox.vms import VmContainers

    keys = tmp_path_factory.mktemp("keys")
    with Hub(is_public=False) as hub:
        machines: Hypervisor = VmContainers(hub.addresses)
        with real_world(machines, keys) as real:
            host_of(real).pull(RSTUDIO, lambda progress: None)
            yield RealActivityWorld(real, keys / "somebody")


@pytest.fixture(params=["fake", pytest.param("real", marks=[engine, pytest.mark.slow])])
def people(request: pytest.FixtureRequest) -> Iterator[ActivityWorld]:
    """A VM on which RStudio is used."""
    if request.param == "fake":
        yield FakeActivityWorld()
        return
    found: RealActivityWorld = request.getfixturevalue("vm")
    yield found
    wipe(found.real)


@pytest.fixture(params=["fake", pytest.param("real", marks=[engine, pytest.mark.slow])])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld.boot()
        return
    found: RealActivityWorld = request.getfixturevalue("vm")
    yield found.real
    wipe(found.real)


@pytest.fixture
def real(world: World) -> RealWorld:
    """The same, for what only a real VM can show."""
    assert isinstance(world, RealWorld)
    return world


class Cutting:
    """Takes what is saved; cuts the bot's connections to the VM when so many bytes have come."""

    def __init__(self, real: RealWorld, at: int) -> None:
        self.got = 0
        self._real = real
        self._at = at

    def write(self, piece: bytes) -> None:
        if self.got < self._at <= self.got + len(piece):
            self._real.cut_connections()
        self.got += len(piece)


def fill(world: World, volume: str, files: dict[str, bytes]) -> None:
    """A container writes files into a volume of that name, and is gone."""
    image, command = world.script(
        FakeRun(exit_code=0, files={f"/data/{name}": content for name, content in files.items()})
    )
    host = host_of(world)
    host.run(ContainerSpec("filler", image, command=command, mounts=(Mount(volume, "/data"),)))
    wait_until_ended(host, "filler")
    host.remove("filler")


def saved(host: ContainerHost, volume: str) -> bytes:
    pieces: list[bytes] = []
    host.save_volume(volume, pieces.append)
    return b"".join(pieces)


def in_pieces(tar: bytes, size: int = 100_000) -> Iterator[bytes]:
    return (tar[start : start + size] for start in range(0, len(tar), size))


def files_in(host: ContainerHost, volume: str) -> dict[str, bytes]:
    packed = io.BytesIO(host.archive(volume, 100 * MB))
    with tarfile.open(fileobj=packed) as tar:
        return {
            member.name: content.read()
            for member in tar
            if (content := tar.extractfile(member)) is not None
        }


class Own(Exception):
    """What the caller's own code raises."""


# --- what makes a container again ----------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        ContainerSpec("plain", SLEEPER),
        ContainerSpec(
            "app",
            SLEEPER,
            ports=(PortBinding(3838, 13838), PortBinding(8787, 18787)),
            environment={"PASSWORD": "a=b c", "LANG": "ko_KR.UTF-8"},
            labels={"ds-bot": "1", "ds-bot.app": "rstudio"},
            memory_mb=64,
            cpus=0.5,
            mounts=(Mount("work", "/home/rstudio/workspace"), Mount("config", "/config")),
        ),
        ContainerSpec("run", SLEEPER, command=("/bin/sleep", "12345"), removes_itself=True),
        ContainerSpec("tool", SLEEPER, command=("/bin/sleep", "12345"), has_network=False),
        ContainerSpec(
            "r-1",
            SLEEPER,
            command=("/bin/sleep", "777"),
            memory_mb=100,
            cpus=1.0,
            mounts=(Mount("keep", "/keep"),),
            has_network=False,
            processes=50,
            user="0",
            is_confined=True,
            capabilities=("SETUID", "SETGID", "KILL"),
            scratch_mb=20,
        ),
    ],
    ids=lambda spec: str(spec.name),
)
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "created"])
def test_a_container_of_ours_tells_its_spec(
    world: World, spec: ContainerSpec, is_running: bool
) -> None:
    host = host_of(world)
    made = host.run(spec) if is_running else host.create(spec)

    found = host.blueprint(made.id)

    assert found == spec
    assert host.blueprint(spec.name) == found


def test_a_blueprint_is_without_what_is_put_there_once(world: World) -> None:
    """The files come back with the changes, the owner with the volume."""
    host = host_of(world)
    spec = ContainerSpec(
        "app", SLEEPER, mounts=(Mount("work", "/work", owner=1000),), files={"/a.txt": b"a"}
    )
    host.create(spec)

    assert host.blueprint("app") == replace(spec, mounts=(Mount("work", "/work"),), files={})


def test_ports_that_the_engine_chose_are_named(world: World) -> None:
    """Where the address is known that people have."""
    host = host_of(world)
    spec = ContainerSpec("app", SERVER, publishes_all=True)
    running = host.run(spec)

    found = host.blueprint("app")

    assert tuple(port.container_port for port in found.ports) == SERVER_PORTS
    assert found == replace(spec, ports=running.ports, publishes_all=False)


def test_what_the_image_says_is_not_repeated(world: World) -> None:
    """A newer image may say something else."""
    host = host_of(world)
    environment = QUITTER_ENVIRONMENT | {"A": "1"}
    host.run(ContainerSpec("app", QUITTER, environment=environment))

    assert host.blueprint("app") == ContainerSpec("app", QUITTER, environment={"A": "1"})


def test_no_container_no_blueprint(world: World) -> None:
    with pytest.raises(ContainerNotFound):
        host_of(world).blueprint("nosuch")


@only_real
def test_what_others_have_made_is_told_as_far_as_it_can_be(real: RealWorld) -> None:
    """Made by hand: a port that only the VM itself may reach must not become open to all."""
    real.shell(
        f"docker run -d --name theirs -v /their/data -p 127.0.0.1:5432:5432 -p 9000:9000/udp"
        f" -p 8080:80 --cpu-quota 50000 --memory 100000000 --cap-add SYS_PTRACE {SLEEPER}"
    )
    host = host_of(real)
    [anonymous] = host.volumes()

    found = host.blueprint("theirs")

    assert found == ContainerSpec(
        "theirs",
        SLEEPER,
        ports=(PortBinding(80, 8080),),
        cpus=0.5,
        memory_mb=96,
        mounts=(Mount(anonymous, "/their/data"),),
    )


@only_real
def test_a_container_made_by_id_names_its_image(real: RealWorld) -> None:
    real.shell(f"docker run -d --name app $(docker images -q {SLEEPER}) /bin/sleep 100000")

    assert host_of(real).blueprint("app") == ContainerSpec("app", f"{SLEEPER}:latest")


# --- volumes -------------------------------------------------------------------------------------


def test_all_volumes_are_listed(world: World) -> None:
    host = host_of(world)
    assert host.volumes() == []
    fill(world, SAVED, {})
    fill(world, "abc", {})

    assert host.volumes() == ["abc", SAVED]


def test_a_saved_volume_is_there_again(world: World) -> None:
    host = host_of(world)
    files = {"thesis.R": b"x <- 1", "data/2026/한글.csv": "가,나".encode()}
    fill(world, SAVED, files)

    tar = saved(host, SAVED)
    host.load_volume(OTHER, in_pieces(tar))

    assert files_in(host, OTHER) == files_in(host, SAVED) == files
    assert host.containers(all=True) == []


@pytest.mark.parametrize("size", [1, 700, 10_000_000])
def test_pieces_have_any_size(world: World, size: int) -> None:
    host = host_of(world)
    fill(world, SAVED, {"a.txt": b"a"})
    tar = saved(host, SAVED)

    host.load_volume(OTHER, in_pieces(tar, size))

    assert files_in(host, OTHER) == {"a.txt": b"a"}


def test_what_is_there_is_overwritten_and_the_rest_stays(world: World) -> None:
    host = host_of(world)
    fill(world, SAVED, {"a.txt": b"saved"})
    fill(world, OTHER, {"a.txt": b"older", "b.txt": b"b"})

    host.load_volume(OTHER, in_pieces(saved(host, SAVED)))

    assert files_in(host, OTHER) == {"a.txt": b"saved", "b.txt": b"b"}


def test_an_empty_volume_can_be_saved(world: World) -> None:
    host = host_of(world)
    fill(world, SAVED, {})

    host.load_volume(OTHER, in_pieces(saved(host, SAVED)))

    assert files_in(host, OTHER) == {}
    assert host.volumes() == [SAVED, OTHER]


def test_no_volume_is_made_by_saving_it(world: World) -> None:
    host = host_of(world)

    for name in ("nosuch", "x/../../images", "/etc"):
        with pytest.raises(EngineRefused):
            host.save_volume(name, lambda piece: None)

    with pytest.raises(EngineRefused):
        host.load_volume("/etc", iter([]))
    assert host.volumes() == []


@pytest.mark.parametrize("error", [Own("full"), OSError("full"), TimeoutError("slow")], ids=repr)
def test_who_writes_may_leave(world: World, error: Exception) -> None:
    """With an error that is told as it is, though a connection that breaks raises the same."""
    host = host_of(world)
    fill(world, SAVED, {"a.txt": b"a" * 100_000})

    def write(piece: bytes) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        host.save_volume(SAVED, write)

    assert caught.value is error
    assert host.containers(all=True) == []
    assert len(saved(host, SAVED)) > 100_000


@pytest.mark.parametrize("error", [Own("gone"), OSError("gone"), TimeoutError("slow")], ids=repr)
@pytest.mark.parametrize("has_begun", [True, False])
def test_who_reads_may_leave(world: World, error: Exception, has_begun: bool) -> None:
    host = host_of(world)
    fill(world, SAVED, {"a.txt": b"a" * 100_000})
    tar = saved(host, SAVED)

    def pieces() -> Iterator[bytes]:
        if has_begun:
            yield tar[:50_000]
        raise error

    with pytest.raises(type(error)) as caught:
        host.load_volume(OTHER, pieces())

    assert caught.value is error
    assert host.containers(all=True) == []
    host.load_volume(OTHER, in_pieces(tar))
    assert files_in(host, OTHER) == {"a.txt": b"a" * 100_000}


@pytest.mark.parametrize(
    "cut",
    [
        lambda tar: tar[: len(tar) // 2],
        lambda tar: tar[:512],  # the volume's own folder
        lambda tar: b"",
        lambda tar: b"no tar at all " * 1_000,
    ],
    ids=["half", "between two files", "nothing", "garbage"],
)
def test_half_a_tar_is_refused(world: World, cut: Callable[[bytes], bytes]) -> None:
    """The engine alone would unpack what there is and be content."""
    host = host_of(world)
    fill(world, SAVED, {"a.txt": b"a", "b.txt": b"b" * 10_000})
    tar = saved(host, SAVED)

    with pytest.raises(EngineRefused):
        host.load_volume(OTHER, in_pieces(cut(tar)))

    assert host.containers(all=True) == []


ODD = r"""
cd /v && chown 1000:1000 . && chmod 2750 . &&
mkdir -p private empty 'a folder/b' && chmod 700 private && echo secret > private/key &&
chmod 600 private/key && chown -R 1000:1000 private && echo 한글 > '한글 이름.txt' &&
ln -s private/key link && ln -s /nowhere dangling && ln private/key hard &&
head -c 30000000 /dev/urandom > large && head -c 5000000 /dev/zero > zeros &&
chmod 4755 large && mkfifo pipe && chown 12345:54321 'a folder' &&
touch -d '2020-02-03 04:05:06' large && echo x > "$(printf 'n%.0s' $(seq 200))" &&
chmod 1777 empty && : > nothing
"""
LIST = r"""
cd /v && find . -printf '%p %y %m %U:%G %l %n %s\n' | grep -v ' d ' | sort &&
find . -type d -printf '%p %y %m %U:%G\n' | sort && stat -c '%n %Y' large &&
find . -type f -exec sha256sum {} + | sort && [ hard -ef private/key ]
"""


def in_volume(real: RealWorld, volume: str, script: str) -> str:
    path = "/tmp/script"
    real.shell(f"cat > {path} <<'END'\n{script}\nEND")
    return real.shell(
        f"docker run --rm -v {volume}:/v -v {path}:{path} --entrypoint sh {RSTUDIO} -e {path}"
    )


@only_real
def test_everything_in_a_volume_is_as_it_was(real: RealWorld) -> None:
    """Owners, modes, links, empty folders, names, times, and the volume's own folder."""
    host = host_of(real)
    in_volume(real, SAVED, ODD)
    pieces: list[bytes] = []

    host.save_volume(SAVED, pieces.append)
    host.load_volume(OTHER, iter(pieces))

    listed = in_volume(real, SAVED, LIST)
    assert len(listed.splitlines()) > 20
    assert in_volume(real, OTHER, LIST) == listed
    assert max(map(len, pieces)) < MB, "it is held in memory"


@only_real
def test_a_save_that_breaks_midway_is_no_save(real: RealWorld) -> None:
    """It must never look as if that were all. The next one makes its own connection."""
    host = host_of(real)
    in_volume(real, SAVED, ODD)
    sink = Cutting(real, 10 * MB)

    with pytest.raises(HostUnreachable):
        host.save_volume(SAVED, sink.write)

    assert 10 * MB <= sink.got < 30 * MB
    assert len(saved(host, SAVED)) > 35 * MB
    assert host.containers(all=True) == []


@only_real
def test_a_load_that_breaks_midway_raises(real: RealWorld) -> None:
    host = host_of(real)
    in_volume(real, SAVED, ODD)
    tar = saved(host, SAVED)

    def pieces() -> Iterator[bytes]:
        yield tar[: 10 * MB]
        real.cut_connections()
        yield tar[10 * MB :]

    with pytest.raises(HostUnreachable):
        host.load_volume(OTHER, pieces())

    assert host.containers(all=True) == []
    host.load_volume(OTHER, in_pieces(tar))
    assert in_volume(real, OTHER, LIST) == in_volume(real, SAVED, LIST)


def tar_of(*members: tuple[str, bytes, bytes]) -> bytes:
    """Entries: name, type, content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@only_real
def test_the_engine_may_refuse_while_it_is_sent_to(real: RealWorld) -> None:
    """It hangs up then, which is not to be taken for a connection that broke."""
    host = host_of(real)
    tar = tar_of(
        ("ds-bot-volume", tarfile.DIRTYPE, b""),
        ("ds-bot-volume/x", tarfile.REGTYPE, b"x"),
        ("ds-bot-volume/x/y", tarfile.REGTYPE, b"below a file"),
        ("ds-bot-volume/large", tarfile.REGTYPE, bytes(60 * MB)),
    )

    with pytest.raises(EngineRefused):
        host.load_volume(OTHER, in_pieces(tar))

    assert host.containers(all=True) == []


@only_real
def test_questions_are_answered_while_a_volume_is_saved(real: RealWorld) -> None:
    """For as long as it takes: here, until they were."""
    host = host_of(real)
    in_volume(real, SAVED, ODD)
    began, answered = threading.Event(), threading.Event()

    def write(piece: bytes) -> None:
        began.set()
        assert answered.wait(60)

    with ThreadPoolExecutor() as pool:
        saving = pool.submit(host.save_volume, SAVED, write)
        assert began.wait(60)
        fill(real, OTHER, {"a.txt": b"a"})
        assert host.volume_size(OTHER) == 1
        assert files_in(host, OTHER) == {"a.txt": b"a"}
        assert host.activity().containers is not None
        answered.set()
        saving.result()


@only_real
def test_a_volume_that_an_onlookers_image_wants_goes_with_it(real: RealWorld) -> None:
    """And the volume that is looked into stays, though nothing else has it."""
    host = host_of(real)
    fill(real, SAVED, {"a.txt": b"a"})
    real.shell(f"printf 'FROM {SLEEPER}\\nVOLUME /other\\n' | docker build -q -t wants-volume -")
    assert "wants-volume:latest" in host.images()[0].names

    host.load_volume(OTHER, in_pieces(saved(host, SAVED)))

    assert host.volumes() == [SAVED, OTHER]
    real.shell("docker rmi wants-volume")


# --- what a container has changed ----------------------------------------------------------------


def changes(host: ContainerHost, container_id: str) -> bytes:
    pieces: list[bytes] = []
    host.save_changes(container_id, pieces.append)
    return b"".join(pieces)


def names_in(tar: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as found:
        return set(found.getnames())


def test_what_a_container_has_written_comes_into_a_new_one(world: World) -> None:
    """Without its volumes, which are saved by themselves, and what ends with a run."""
    host = host_of(world)
    files = {"/opt/zoo/한글.R": "x <- '값'".encode(), "/opt/zoo/a/b": b"b", "/etc/own": b"o"}
    passing = {"/tmp/t": b"t", "/run/r": b"r", "/var/tmp/v": b"v", "/work/w": b"w"}
    image, command = world.script(FakeRun(exit_code=0, files=files | passing))
    spec = ContainerSpec("one", image, command=command, mounts=(Mount(SAVED, "/work"),))
    host.run(spec)
    wait_until_ended(host, "one")

    tar = changes(host, "one")
    host.create(replace(spec, name="other", mounts=(Mount(OTHER, "/work"),)))
    host.load_changes("other", in_pieces(tar))

    names = names_in(tar)
    assert names >= {path.removeprefix("/") for path in files}
    assert not names & {path.removeprefix("/") for path in passing}
    assert host.fetch("other", "/opt/zoo", MB) == {
        "한글.R": files["/opt/zoo/한글.R"],
        "a/b": b"b",
    }
    assert host.fetch("other", "/etc/own", MB) == {"own": b"o"}
    assert host.fetch("other", "/work", MB) == {}


def test_a_container_that_has_written_nothing_has_an_empty_tar(world: World) -> None:
    """Which can be put back all the same."""
    host = host_of(world)
    host.run(ContainerSpec("one", SLEEPER))
    host.create(ContainerSpec("other", SLEEPER))

    tar = changes(host, "one")
    host.load_changes("other", in_pieces(tar))

    assert names_in(tar) == set()


def test_what_was_put_there_before_the_start_is_saved(world: World) -> None:
    host = host_of(world)
    host.create(ContainerSpec("one", SLEEPER, files={"/srv/app/app.R": b"app"}))

    assert "srv/app/app.R" in names_in(changes(host, "one"))


def test_no_container_no_changes(world: World) -> None:
    host = host_of(world)

    with pytest.raises(ContainerNotFound):
        host.save_changes("nosuch", lambda piece: None)
    with pytest.raises(ContainerNotFound):
        host.load_changes("nosuch", iter([]))


@pytest.mark.parametrize("error", [Own("full"), OSError("full")], ids=repr)
def test_who_writes_changes_may_leave(world: World, error: Exception) -> None:
    host = host_of(world)
    host.create(ContainerSpec("one", SLEEPER, files={"/a": bytes(MB)}))
    calls = 0

    def write(piece: bytes) -> None:
        nonlocal calls
        calls += 1
        raise error

    with pytest.raises(type(error)) as caught:
        host.save_changes("one", write)

    assert caught.value is error
    assert calls == 1


def test_half_of_the_changes_is_refused(world: World) -> None:
    host = host_of(world)
    host.create(ContainerSpec("one", SLEEPER, files={"/a": b"a" * 10_000}))
    host.create(ContainerSpec("other", SLEEPER))
    tar = changes(host, "one")

    with pytest.raises(EngineRefused):
        host.load_changes("other", iter([tar[:5_000]]))


CHANGE = r"""
set -e
useradd -m -u 4321 jane
echo x >> /etc/nsswitch.conf
chmod 640 /etc/passwd
mkdir -p /opt/lib/zoo
echo zoo > /opt/lib/zoo/R
ln /opt/lib/zoo/R /opt/lib/zoo/hard
ln -s /opt/lib/zoo /opt/lib/link
ln -s lib/zoo /opt/relative
chown -R 4321 /opt/lib/zoo
chmod 1777 /usr/share/doc
rm -f /etc/issue
mkdir /added/own
echo own > /added/own/file
mkdir -p /root/빈폴더
chmod 711 /root/빈폴더
echo in > /added/volume/in
head -c 3000000 /dev/urandom > '/var/lib/a file'
echo tmp > /tmp/tmp
echo run > /run/run
echo shm > /dev/shm/shm
sleep 100000
"""
LOOK = r"""
for path in /etc/passwd /etc/shadow /etc/nsswitch.conf /opt /added /root/빈폴더 \
  '/var/lib/a file' /home/jane /usr/share/doc; do
  find "$path" -maxdepth 9 -path /added/volume -prune -o -path '/usr/share/doc/*' -prune -o \
    -printf '%p %y %m %U:%G %l\n'
done | sort
sha256sum /etc/passwd /etc/nsswitch.conf '/var/lib/a file' /opt/lib/zoo/* /added/own/file
[ /opt/lib/zoo/R -ef /opt/lib/zoo/hard ] && echo linked
"""


@only_real
def test_everything_that_was_changed_is_as_it_was(real: RealWorld) -> None:
    """Changed and added, below and beside a volume, while the container runs."""
    host = host_of(real)
    spec = ContainerSpec(
        "one", RSTUDIO, command=("sh", "-c", CHANGE), mounts=(Mount(SAVED, "/added/volume"),)
    )
    host.run(spec)
    real.shell("until docker exec one test -e /dev/shm/shm; do sleep 0.2; done")
    pieces: list[bytes] = []

    host.save_changes("one", pieces.append)
    again = replace(
        spec, name="other", command=("sleep", "100000"), mounts=(Mount(OTHER, "/added/volume"),)
    )
    host.create(again)
    host.load_changes("other", iter(pieces))
    host.start("other")

    def look(name: str) -> str:
        real.shell(f"cat > /tmp/look <<'END'\n{LOOK}\nEND\ndocker cp /tmp/look {name}:/look")
        return real.shell(f"docker exec {name} sh /look 2>&1")

    names = names_in(b"".join(pieces))
    assert look("other") == look("one")
    assert "linked" in look("other")
    assert not [name for name in names if name.startswith(("tmp/", "run/", "dev/", "added/vol"))]
    assert not [name for name in names if name.startswith("usr/share/doc/")], "it was not changed"
    assert "etc" not in names
    assert max(map(len, pieces)) < MB


@only_real
def test_too_many_single_files_are_refused(real: RealWorld) -> None:
    """One by one they would take minutes; nobody works like that in a container."""
    host = host_of(real)
    script = "cd /usr/share && for i in $(seq 2001); do : > f$i; done"
    host.run(ContainerSpec("one", RSTUDIO, command=("sh", "-c", script)))
    wait_until_ended(host, "one")

    with pytest.raises(EngineRefused, match="too many single files"):
        host.save_changes("one", lambda piece: None)


@only_real
def test_a_root_that_cannot_be_written_to_has_no_changes(real: RealWorld) -> None:
    host = host_of(real)
    spec = ContainerSpec("one", SLEEPER, is_confined=True, scratch_mb=10)
    host.run(spec)
    host.create(replace(spec, name="other"))

    tar = changes(host, "one")
    host.load_changes("other", iter([tar]))

    assert names_in(tar) == set()


@only_real
def test_changes_that_break_midway_are_none(real: RealWorld) -> None:
    host = host_of(real)
    script = "head -c 30000000 /dev/urandom > /root/large; sleep 100000"
    host.run(ContainerSpec("one", RSTUDIO, command=("sh", "-c", script)))
    real.shell("until docker exec one pgrep sleep; do sleep 0.2; done")
    sink = Cutting(real, 5 * MB)

    with pytest.raises(HostUnreachable):
        host.save_changes("one", sink.write)

    assert sink.got < 30 * MB
    assert len(changes(host, "one")) > 30 * MB


# --- sessions ------------------------------------------------------------------------------------


def test_a_session_at_rest_is_suspended(people: ActivityWorld) -> None:
    host = people.connection()
    host.run(app_spec("rstudio", RSTUDIO, 8787))
    with people.tab():
        look_until(people, lambda seen: container(seen, "rstudio").sessions == 1)

    assert host.suspend("rstudio", SOON) == 0

    assert container(host.activity(), "rstudio").sessions == 0
    assert host.suspend("rstudio", AT_ONCE) == 0


def test_a_session_at_work_is_left_and_counted(people: ActivityWorld) -> None:
    host = people.connection()
    host.run(app_spec("rstudio", RSTUDIO, 8787))
    with people.tab() as tab:
        tab.compute()
        look_until(people, lambda seen: container(seen, "rstudio").is_executing is True)

        assert host.suspend("rstudio", timedelta(seconds=2)) == 1

        assert container(host.activity(), "rstudio").is_executing is True


def test_what_is_no_rstudio_has_no_sessions(people: ActivityWorld) -> None:
    """Running, ended, or not begun."""
    host = people.connection()
    host.run(ContainerSpec("plain", SLEEPER))
    host.run(ContainerSpec("ended", QUITTER))
    wait_until_ended(host, "ended")
    host.create(ContainerSpec("created", SLEEPER))

    assert [host.suspend(name, SOON) for name in ("plain", "ended", "created")] == [0, 0, 0]
    with pytest.raises(ContainerNotFound):
        host.suspend("nosuch", SOON)


@pytest.mark.parametrize(
    "people", [pytest.param("real", marks=[engine, pytest.mark.slow])], indirect=True
)
def test_what_was_suspended_goes_on_in_another_container(people: ActivityWorld) -> None:
    """The whole way of somebody's work: from one container into a new one, with its variables."""
    assert isinstance(people, RealActivityWorld)
    host = people.connection()
    host.run(app_spec("rstudio", RSTUDIO, 8787))
    with people.tab():
        pass
    url = f"http://{people.real.access.address}:8787/"
    with RStudioTab(url, PASSWORD) as tab:
        tab.give("answer <- 41; writeLines('kept', '~/kept.txt'); cat('written\\n')")
        tab.wait_for("written")

    assert host.suspend("rstudio", SOON) == 0
    spec, tar = host.blueprint("rstudio"), changes(host, "rstudio")
    host.remove("rstudio")
    made = host.create(spec)
    host.load_changes(made.id, in_pieces(tar))
    host.start(made.id)

    with people.tab():
        pass
    with RStudioTab(url, PASSWORD) as tab:
        tab.give("cat(answer + 1, readLines('~/kept.txt'), '\\n')")
        tab.wait_for("42 kept")


@pytest.mark.parametrize(
    "people", [pytest.param("real", marks=[engine, pytest.mark.slow])], indirect=True
)
def test_a_session_at_work_suspends_itself_later(people: ActivityWorld) -> None:
    host = people.connection()
    host.run(app_spec("rstudio", RSTUDIO, 8787))
    with people.tab() as tab:
        tab.sleep()
        look_until(people, lambda seen: container(seen, "rstudio").is_executing is True)
        assert host.suspend("rstudio", AT_ONCE) == 1
        tab.interrupt()

    look_until(people, lambda seen: container(seen, "rstudio").sessions == 0)


# --- of the fake ---------------------------------------------------------------------------------

ACTS: dict[str, Callable[[ContainerHost], object]] = {
    "suspend": lambda host: host.suspend("app", AT_ONCE),
    "blueprint": lambda host: host.blueprint("app"),
    "volumes": lambda host: host.volumes(),
    "save_volume": lambda host: host.save_volume(SAVED, lambda piece: None),
    "load_volume": lambda host: host.load_volume(OTHER, iter([bytes(1024)])),
    "save_changes": lambda host: host.save_changes("app", lambda piece: None),
    "load_changes": lambda host: host.load_changes("app", iter([bytes(1024)])),
}


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("method", ACTS)
def test_each_act_can_fail_before_and_after_it_is_done(method: str, is_after: bool) -> None:
    world = FakeWorld.boot()
    host = host_of(world)
    host.create(ContainerSpec("app", SLEEPER, mounts=(Mount(SAVED, "/work"),)))
    world.vm.fail(method, HostUnreachable("lost"), after=is_after)

    with pytest.raises(HostUnreachable):
        ACTS[method](host)

    if method == "load_volume":
        assert (OTHER in world.vm.volumes) is is_after
    ACTS[method](host)


def test_a_save_can_be_cut() -> None:
    world = FakeWorld.boot()
    fill(world, SAVED, {"a.txt": b"a" * 100_000})
    world.vm.cut_after = 50_000
    pieces: list[bytes] = []

    with pytest.raises(HostUnreachable):
        host_of(world).save_volume(SAVED, pieces.append)

    assert sum(map(len, pieces)) == 50_000
