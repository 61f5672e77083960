"""What ``syncd forget`` does: it reads its options, and prints what went."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.commands.approve import pasted
from syncd.commands.forget.options import ForgetOptions
from syncd.commands.running import Report, error_of, finished, opened, reported
from syncd.commands.settings import existing_state, loaded
from syncd.commands.state.asking import agreed, can_ask
from syncd.core.columns import UNIT
from syncd.core.wording import nearest
from syncd.errors import ConfigError
from syncd.report.exit_code import code_for, gravest
from syncd.report.streams import print_json, printable

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.forget import Forgetting, Wanted
    from syncd.report.screen import Screen

_ONE_OF = "write one of: SOURCE KEY, --number NUMBER, --list, --allow DIGEST"


def forget(config: Path | None, options: ForgetOptions) -> int:
    """Forget, print what went, and return the exit code."""
    asked = (options.source is not None, options.number is not None, options.listed, options.allow is not None)
    if sum(asked) != 1 or (options.source is None) != (options.key is None):
        raise ConfigError(_ONE_OF)
    if options.listed or options.allow is not None:
        work = partial(_of_the_file, config, options.allow)
        return reported(lambda _stopping: work(), _show_file, as_json=options.as_json)
    return _forget(config, options)


def _forget(config: Path | None, options: ForgetOptions) -> int:
    from syncd.forget import Forgetting

    found, activity = Forgetting(dry_run=options.dry_run), dict[str, Any]()
    error = error_of(partial(_carry_out, config, options, found, activity))

    def write(code: int) -> None:
        from syncd.commands.forget.shown import as_json, show
        from syncd.report.screen import Screen

        if options.as_json:
            print_json(as_json(found, activity, code, error))
        elif found.parts:
            show(Screen(), found, activity, again=_again(options))

    return gravest([finished(write, found.parts, error), code_for(not_confirmed=found.declined)])


def _again(options: ForgetOptions) -> str:
    """Return the command, without the number that it has to be given again."""
    return "syncd forget --number NUMBER" if options.number else "syncd forget SOURCE KEY"


def _carry_out(
    config: Path | None,
    options: ForgetOptions,
    found: Forgetting,
    activity: dict[str, Any],
    stopping: threading.Event,
) -> None:
    # Imported here, where the signals are handled already: it takes a while.
    from syncd.forget import forget as carry_out
    from syncd.forget import look

    settings = loaded(config, keyless=options.dry_run)
    wanted = _wanted(settings, options)
    if options.number is not None:
        _refuse_own(settings, options.number)
    if options.dry_run:
        with existing_state(settings, read_only=True) as state:
            if state:
                look(state, settings, wanted, found)
        activity |= _activity(settings, options, wanted, dry_run=True)
        return
    if not options.yes and can_ask(as_json=options.as_json) and not _asked(settings, options, wanted):
        found.declined = True
        return
    approved = frozenset(map(pasted, options.approve or ()))
    # Counted before: once the digest is written, whoever opens the store erases what it has of the number.
    counted = _activity(settings, options, wanted, dry_run=True)
    with opened(settings, stopping, dry_run=False, wait=options.wait) as session:
        carry_out(session, wanted, found, approved)
    if not found.held:
        _activity(settings, options, wanted, dry_run=False)
        activity |= counted


def _asked(settings: Settings, options: ForgetOptions, wanted: Wanted) -> bool:
    """Show what would go, and return whether a person agrees; what waits for an approval is not asked for."""
    from syncd.commands.forget.shown import show_what
    from syncd.forget import Forgetting, look
    from syncd.report.screen import Screen

    found, screen = Forgetting(dry_run=True), Screen()
    with existing_state(settings, read_only=True) as state:
        if state:
            look(state, settings, wanted, found)
    if found.held and found.held.digest not in map(pasted, options.approve or ()):
        return True
    show_what(screen, found, _activity(settings, options, wanted, dry_run=True), again=_again(options))
    if agreed("Forget it for good, at the target and here?"):
        return True
    screen.line("Nothing was forgotten.")
    return False


def _wanted(settings: Settings, options: ForgetOptions) -> Wanted:
    from syncd.activity.opening import region_of
    from syncd.core.forgetting.forms import forms_of
    from syncd.forget import Wanted

    if options.number is not None:
        regions = [region_of(settings), *(each.rules.phones.region for each in settings.sources.values())]
        forms = forms_of(options.number, list(dict.fromkeys(regions)))
        if not forms:
            raise ConfigError("this is no phone number: write it with its area code")
        return Wanted(numbers=forms)
    source, key = str(options.source), str(options.key)
    # A source that is not configured any more may have contacts all the same.
    with existing_state(settings, read_only=True) as state:
        known = list(dict.fromkeys([*settings.sources, *(state.searching.sources() if state else ())]))
    if source not in known:
        raise ConfigError(
            f"there is no source {printable(source)!r}{nearest(source, known)}; there are: {', '.join(known)}"
        )
    configured = settings.sources.get(source)
    # Only with the right number of parts: a + may also be a character of a key.
    if configured and key.count("+") == len(configured.rules.key) - 1:
        key = key.replace("+", UNIT)
    return Wanted(source, key)


def _refuse_own(settings: Settings, number: str) -> None:
    from syncd.activity.opening import region_of
    from syncd.core.activity.numbers import canonical

    region = region_of(settings)
    if canonical(number, region) in {canonical(each, region) for each in settings.own_numbers}:
        raise ConfigError("this is a number of the company itself; nothing was forgotten")


def _activity(settings: Settings, options: ForgetOptions, wanted: Wanted, *, dry_run: bool) -> dict[str, Any]:
    """Erase the number's calls and messages, as ``syncd activity forget`` does; or let no call be the contact's."""
    if settings.activity is None:
        return {}
    from syncd.activity.erasing import forget_contact
    from syncd.activity.store.store import ActivityStore
    from syncd.commands.activity.given import existing_store
    from syncd.commands.activity.privacy.forget import of_number
    from syncd.state.place import is_there

    if not is_there(settings.activity.store, ActivityStore.WORDS):
        return {}
    if options.number is not None:
        return of_number(settings, options.number, dry_run=dry_run)
    with existing_store(settings, read_only=dry_run) as store:
        return {"attributions": forget_contact(store, (wanted.source, wanted.key), dry_run=dry_run)}


def _of_the_file(config: Path | None, allow: str | None) -> Report:
    from syncd.commands.activity.privacy.forget import allowed

    return allowed(loaded(config, keyless=True), allow, again="syncd forget --list")


def _show_file(screen: Screen, found: Report) -> None:
    from syncd.commands.activity.privacy.forget import show_file

    show_file(screen, found)
