"""Work is saved before its VM is cancelled, and comes back: all of it, to its people, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.errors import CloudRefused, EngineRefused, HostError, HostUnreachable
from bot.models import HostAccess, OperationState, VmState
from bot.store import SaveRow
from tests.fakes.activity import FakeUse
from tests.fakes.durable import Moment
from tests.fakes.hosts import FakeHost, FakeImage
from tests.services.laws import check_laws
from tests.services.stories import released, work_at_rest
from tests.services.world import ADMIN, JANE, JIHOON, World
from tests.services.world import shipped_policy as shipped

WORKSPACE = "ds-u0jane-workspace"
THESIS = {"thesis.R": b"x <- 1"}


@pytest.fixture
def vm(world: World) -> str:
    """Jane's VM with an RStudio at rest; its op_id."""
    work_at_rest(world)
    [only] = world.vms()
    return only.op_id


def saves(world: World) -> list[SaveRow]:
    with world.meddling.off():
        return world.core.saving.saves.of()


def files(world: World) -> list[str]:
    return world.archives.ids()


def restored(world: World) -> str:
    """Jane's VM after `/ds restore web`; its op_id."""
    return world.done("restore web")


def fail_to_load(world: World) -> None:
    """The first try to put a volume onto the next new VM."""
    original = world._machine_at

    def breaks(access: HostAccess) -> FakeHost | None:
        host = original(access)
        if host is not None:
            host.fail("load_volume", EngineRefused("the disk is full"))
        return host

    world.hosts._anywhere = breaks


# --- saving ---


def test_released_work_is_saved_read_again_and_offered(world: World, vm: str) -> None:
    op_id = world.done("vm release web")

    (save,) = saves(world)
    assert (save.id, save.vm, save.owner_id) == (op_id, vm, JANE)
    assert save.expires_at - save.saved_at == world.policy.keep.saves
    told = world.told(op_id)
    assert "web is saved and cancelled" in told
    assert "1 container are kept until" in told or "1 container" in told
    assert "restore web" in str(world.cards(op_id)[-1].blocks)
    assert world.cloud.live == []
    check_laws(world)


def test_r_at_work_is_never_cut_off(world: World, vm: str) -> None:
    host = world.host_of(vm)
    name = host._list(True, None)[0].name
    host.doing.use(name, FakeUse(cpus=1, sessions=1, session_cpus=1, is_executing=True))

    op_id = world.ask("vm release web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert "R is still computing" in world.told(op_id)
    assert world.vm(vm).state is VmState.READY
    assert (len(world.cloud.live), saves(world)) == (1, [])
    check_laws(world)


def test_a_session_at_rest_is_suspended_first(world: World, vm: str) -> None:
    host = world.host_of(vm)
    name = host._list(True, None)[0].name
    host.doing.use(name, FakeUse(sessions=1, connections=1))

    world.done("vm release web")

    assert [call for call in host.calls if call[0] in ("suspend", "save_volume")][0][0] == "suspend"


@pytest.mark.parametrize(
    "error", [EngineRefused("no such volume"), HostUnreachable("lost")], ids=["refused", "lost"]
)
def test_what_cannot_be_saved_is_not_cancelled(world: World, vm: str, error: HostError) -> None:
    for _ in range(4_000):  # a passing one is waited out, for as long as a save may take
        world.host_of(vm).fail("save_volume", error)

    op_id = world.ask("vm release web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert world.vm(vm).state is VmState.READY
    assert (len(world.cloud.live), saves(world)) == (1, [])


def test_what_cannot_be_read_again_is_no_save(
    world: World, vm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = world.archives.keep

    def damaged(save_id: str, name: str, fill: Callable[[Callable[[bytes], None]], None]) -> str:
        digest = keep(save_id, name, fill)
        [file] = tmp_path.rglob(name)
        file.write_bytes(file.read_bytes()[:-20])
        return digest

    monkeypatch.setattr(world.archives, "keep", damaged)

    op_id = world.ask("vm release web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert (world.vm(vm).state, saves(world)) == (VmState.READY, [])
    assert len(world.cloud.live) == 1


def test_a_save_on_the_disk_of_another_machine_is_none(
    world: World, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica goes on where the one that had saved it has died, disk and all."""
    op_id = world.ask("vm release web")
    world.kill(Moment.RECORDED, "save", op_id)
    restart = world.restart

    def elsewhere() -> None:
        world.archives.remove(op_id)
        restart()

    monkeypatch.setattr(world, "restart", elsewhere)
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert "another machine" in world.told(op_id)
    assert world.vm(vm).state is VmState.READY


def test_a_disk_that_fills_up_meanwhile_is_left_its_spare_room(
    world: World, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = iter([10**12])
    monkeypatch.setattr(world.archives, "room", lambda: next(room, 2_000_000_000))

    op_id = world.ask("vm release web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert "no room" in world.told(op_id)
    assert world.vm(vm).state is VmState.READY


def test_a_connection_that_breaks_is_made_again(world: World, vm: str) -> None:
    host = world.host_of(vm)
    for _ in range(2):
        host.fail("save_volume", HostUnreachable("lost"))

    world.done("vm release web")

    assert len(saves(world)) == 1


def test_without_room_nothing_is_written(
    world: World, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.archives, "room", lambda: 1_000_000)

    op_id = world.ask("vm release web")
    world.run()

    assert "no room" in world.told(op_id)
    assert (files(world), len(world.cloud.live)) == ([], 1)


def test_a_password_is_in_no_file(world: World, vm: str, tmp_path: Path) -> None:
    (container,) = world.host_of(vm)._containers.values()
    password = container.spec.environment["PASSWORD"]

    world.done("vm release web")

    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "manifest.json" for path in written)
    assert [path for path in written if password.encode() in path.read_bytes()] == []


def test_what_is_begun_while_work_is_saved_is_not_lost(
    world: World, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = world.archives.room()
    asked: list[object] = []

    def begun() -> int:
        world.sim.sleep(timedelta(minutes=1))
        asked.append(asked or world.ask("shiny"))
        return room

    monkeypatch.setattr(world.archives, "room", begun)

    op_id = world.ask("vm release web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert "begun on it meanwhile" in world.told(op_id)
    assert world.vm(vm).state is VmState.READY
    assert len(world.host_of(vm)._containers) == 2


def test_who_opens_rstudio_while_work_is_saved_keeps_the_vm(
    world: World, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, room = world.host_of(vm), world.archives.room()
    name = host._list(True, None)[0].name

    def opened() -> int:
        host.doing.use(name, FakeUse(sessions=1, connections=1))
        return room

    monkeypatch.setattr(world.archives, "room", opened)

    op_id = world.ask("vm release web")
    world.run()

    assert "opened RStudio" in world.told(op_id)
    assert world.vm(vm).state is VmState.READY


def test_a_bot_that_was_down_for_hours_cancels_nothing_that_it_saved_before(
    world: World, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    op_id = world.ask("vm release web")
    world.kill(Moment.RECORDED, "saved", op_id)
    monkeypatch.setattr(world, "restart", partial(world.restart, timedelta(hours=9)))
    world.run()

    assert world.state(op_id) is OperationState.FAILED, world.told(op_id)
    assert "too long ago" in world.told(op_id)
    assert world.vm(vm).state is VmState.READY


def test_an_image_that_only_the_vm_has_is_not_lost(world: World, vm: str) -> None:
    world.host_of(vm).offer("mine:v2", FakeImage(is_local=True))
    world.done("pull mine:v2")

    op_id = world.ask("vm release web")
    world.run()

    assert "Only this VM has the images mine:v2" in world.told(op_id)
    assert world.vm(vm).state is VmState.READY


# --- restoring ---


def test_a_restored_vm_has_its_files_and_its_containers(world: World, vm: str) -> None:
    (before,) = world.host_of(vm)._containers.values()
    before.files["/usr/local/lib/R/site-library/mine/DESCRIPTION"] = b"Package: mine"
    world.done("vm release web")

    op_id = restored(world)

    host = world.host_of(op_id)
    assert host.volumes[WORKSPACE] == THESIS
    (after,) = host._containers.values()
    assert after.container.is_running
    assert after.files["/usr/local/lib/R/site-library/mine/DESCRIPTION"] == b"Package: mine"
    assert after.spec.environment["PASSWORD"] != before.spec.environment["PASSWORD"]
    kept = ("name", "image", "ports", "labels", "memory_mb")
    assert [getattr(after.spec, each) for each in kept] == [
        getattr(before.spec, each) for each in kept
    ]
    assert world.vm(op_id).owner_id == JANE
    told = world.told(op_id)
    assert "web is restored at" in told
    assert f"http://{world.vm(op_id).address}:8787/" in str(world.cards(op_id)[-1].blocks)
    check_laws(world)


def test_it_is_ordered_at_once_though_softlayer_still_takes_the_old_one_back(
    world: World, vm: str
) -> None:
    old = world.vm(vm)
    assert old.cloud_id is not None
    machine = world.cloud.machines[old.cloud_id]
    world.done("vm release web")
    world.cloud.put(replace(machine.vm, request_id=vm))

    op_id = restored(world)

    assert world.host_of(op_id).volumes[WORKSPACE] == THESIS


def test_a_damaged_save_costs_nothing(world: World, tmp_path: Path) -> None:
    released(world)
    [file] = [path for path in tmp_path.rglob("volume-1.tar.gz")]
    file.write_bytes(file.read_bytes()[:-20])

    op_id = world.ask("restore web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert len(world.cloud.orders) == 1
    assert world.vms() == []


def test_what_was_done_since_is_never_written_over(world: World) -> None:
    released(world)
    op_id = restored(world)
    host = world.host_of(op_id)
    host.volumes[WORKSPACE]["thesis.R"] = b"x <- 2"

    world.done("restore web")

    assert host.volumes[WORKSPACE]["thesis.R"] == b"x <- 2"
    assert (len(host._containers), len(world.cloud.live)) == (1, 1)


@pytest.mark.parametrize("is_ready", [False, True])
def test_two_never_restore_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch, is_ready: bool
) -> None:
    """Neither while the VM boots, nor when it is ready and the files are being put back."""
    released(world)
    read, asked = world.archives.read, list[str]()

    def asks(save_id: str, name: str) -> Iterator[bytes]:
        if not asked and world.vms()[0].state is VmState.READY:
            asked.append(world.ask("restore web", ADMIN))
            world.sim.sleep(timedelta(seconds=5))
        return read(save_id, name)

    if is_ready:
        monkeypatch.setattr(world.archives, "read", asks)
    else:
        world.later(timedelta(minutes=1), lambda: asked.append(world.ask("restore web", ADMIN)))

    first = world.ask("restore web")
    world.run()

    assert world.state(first) is OperationState.DONE
    assert [world.state(each) for each in asked] == [OperationState.REFUSED]
    assert "There already is a VM" in world.chat.replies[-1].text
    check_laws(world)


def test_a_vm_that_is_in_use_already_is_not_written_over(world: World) -> None:
    released(world)
    fail_to_load(world)
    first = world.ask("restore web")
    world.run()
    world.done("shiny")

    op_id = world.ask("restore web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert "begun to use the VM" in world.told(op_id)
    assert world.host_of(first).volumes.get(WORKSPACE) != THESIS


def test_half_a_restore_is_never_saved_over_the_whole(world: World) -> None:
    released(world)
    fail_to_load(world)
    world.ask("restore web")
    world.run()

    op_id = world.ask("vm release web")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert "Not everything was put back" in world.told(op_id)
    assert len(saves(world)) == len(world.cloud.live) == 1


def test_an_older_save_of_the_name_has_a_button_of_its_own(world: World) -> None:
    released(world)
    (older,) = saves(world)
    world.sim.advance(timedelta(hours=1))
    world.done("vm web")
    world.done("vm release web")

    op_id = world.done(f"restore web --save {older.id}")

    assert world.host_of(op_id).volumes[WORKSPACE] == THESIS
    newer = next(row for row in saves(world) if row.id != older.id)
    assert "There already is a VM" in world.refused(f"restore web --save {newer.id}")


def test_files_that_could_not_be_put_back_are_tried_again_on_the_same_vm(world: World) -> None:
    released(world)
    fail_to_load(world)
    first = world.ask("restore web")
    world.run()
    assert world.state(first) is OperationState.FAILED
    assert "go on, or cancel" in world.told(first)
    assert world.vm(first).state is VmState.READY

    world.done("restore web")

    assert world.host_of(first).volumes[WORKSPACE] == THESIS
    assert len(world.cloud.live) == 1


def test_a_container_that_cannot_be_made_is_made_by_going_on(world: World) -> None:
    released(world)
    name = world.policy.catalog["rstudio"].image
    image = world.images.pop(name)

    op_id = world.ask("restore web")
    world.run()

    assert world.state(op_id) is OperationState.DONE
    shown = str(world.cards(op_id)[-1].blocks)
    assert "Not restored" in shown and f"restore web --save {saves(world)[0].id}" in shown
    host = world.host_of(op_id)
    assert host.volumes[WORKSPACE] == THESIS

    host.volumes[WORKSPACE]["thesis.R"] = b"x <- 2"
    host.offer(name, image)
    world.done("restore web")

    assert len(host._containers) == 1
    assert host.volumes[WORKSPACE]["thesis.R"] == b"x <- 2"


def test_only_its_owner_and_admins_restore_it_and_it_stays_theirs(world: World) -> None:
    released(world)

    assert "소유자나 관리자만" in world.refused("restore web", JIHOON)
    op_id = world.done("restore web", ADMIN)

    assert world.vm(op_id).owner_id == JANE


def test_an_unknown_name_is_told_with_what_there_is(world: World) -> None:
    released(world)

    told = world.refused("restore wbe")

    assert "Nothing is saved of a VM" in told
    assert "restore web" in str(world.chat.replies[-1].blocks)


def test_the_habits_of_its_people_are_handed_on(world: World, vm: str) -> None:
    world.done("vm release web")
    left = world.sim.now() - timedelta(hours=12)
    [save] = saves(world)
    with world.meddling.off():
        world.core.saving.saves.add(
            replace(save, manifest=save.manifest | {"idle_since": left.isoformat()})
        )

    op_id = restored(world)

    with world.meddling.off():
        row = world.core.saving.watch.get(op_id)
    assert row is not None and row.signals is not None
    [[since, until]] = row.signals["absences"]
    assert since == left.isoformat()
    assert until >= (left + timedelta(hours=12)).isoformat()


# --- keeping ---


def test_the_newest_save_of_a_vm_takes_the_place_of_the_one_before(world: World, vm: str) -> None:
    world.cloud.fail("cancel", CloudRefused("no"))
    world.ask("vm release web")
    world.run()
    first = files(world)
    world.done("vm prepare web")
    world.done("vm release web")

    assert len(first) == 1
    assert files(world) == [saves(world)[0].id] != first


def test_what_is_being_restored_does_not_expire(world: World) -> None:
    released(world)
    (save,) = saves(world)
    world.sim.advance(world.policy.keep.saves - timedelta(minutes=1))

    world.ask("restore web")
    world.later(timedelta(minutes=2), world.core.saving.expire)
    world.run()

    assert saves(world)[0].expires_at > save.expires_at


def test_what_somebody_has_just_asked_for_does_not_expire_before_it_is_begun(
    world: World,
) -> None:
    """As when the bot was down since, and clears up as soon as it is back."""
    released(world)
    (save,) = saves(world)
    world.ask("restore web")

    with world.meddling.off():
        world.core.saving.saves.add(replace(save, expires_at=world.sim.now()))
        world.core.saving.expire()
    world.run()

    assert len(saves(world)) == 1
    assert "web is restored at" in world.chat.all_messages[-1].text


def test_files_that_the_database_has_forgotten_stay_as_long_as_a_save(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(world)
    with world.meddling.off():
        world.archives.keep("unknown", "volume-1.tar.gz", lambda write: None)
        world.core.saving.expire()
        assert "unknown" in files(world)

        monkeypatch.setattr(world.archives, "age", lambda save_id: timedelta(days=15))
        world.core.saving.expire()

    assert files(world) == [saves(world)[0].id]


def test_what_has_expired_is_deleted_and_nothing_else(world: World) -> None:
    released(world)
    keep = world.policy.keep.saves
    with world.meddling.off():
        world.core.saving.expire()
        assert len(files(world)) == len(saves(world)) == 1

        world.sim.advance(keep)
        world.core.saving.expire()

    assert (files(world), saves(world)) == ([], [])
    assert "Nothing is saved" in world.refused("restore web")


def test_files_of_a_save_that_failed_are_deleted(world: World, vm: str) -> None:
    world.host_of(vm).fail("save_changes", EngineRefused("no"))
    world.ask("vm release web")
    world.run()
    assert len(files(world)) == 1

    with world.meddling.off():
        world.core.saving.expire()

    assert files(world) == []


# --- the image ---


@pytest.fixture
def capturing(tmp_path: Path) -> Iterator[World]:
    policy = shipped()
    idle = policy.idle.model_copy(
        update={"default": policy.idle.default.model_copy(update={"capture": True})}
    )
    world = World(tmp_path, policy=policy.model_copy(update={"idle": idle}))
    work_at_rest(world)
    yield world
    world.close()


def test_where_the_policy_says_so_an_image_is_captured_before_the_vm_goes(
    capturing: World,
) -> None:
    world = capturing

    op_id = world.done("vm release web")

    (save,) = saves(world)
    assert save.image_guid in [image.guid for image in world.cloud.images]
    assert "Capture an image of the VM" in str(world.cards(op_id)[-1].blocks)


def test_the_image_is_what_is_ordered_again(capturing: World) -> None:
    world = capturing
    world.done("vm release web")
    guid = saves(world)[0].image_guid

    op_id = world.ask("restore web")
    world.run()

    assert world.cloud.orders[-1].spec.template_guid == guid, world.told(op_id)


def test_an_image_expires_with_the_save(capturing: World) -> None:
    world = capturing
    world.done("vm release web")
    guid = saves(world)[0].image_guid
    world.sim.advance(world.policy.keep.saves)

    with world.meddling.off():
        world.core.saving.expire()

    assert world.cloud.images == [] and guid is not None
    assert saves(world) == []
