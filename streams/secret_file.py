"""RECADO_SECRET on one machine: made once, kept in RECADO_DATA, readable by its owner only."""

import base64
import binascii
import os
import secrets
from pathlib import Path

from streams.setting_error import SettingError


def keep(data: Path, size: int) -> bytes:
    """The `size` bytes in `data`/secret, made and written there by whoever comes first. Raises SettingError."""
    path = data / "secret"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path, size)
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            "RECADO_SECRET", None, f"is not given, and {path} cannot be kept or read ({type(error).__name__})"
        ) from error
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != size:
        # Never replaced silently: what was sealed with the lost one could not be opened again.
        raise SettingError(
            "RECADO_SECRET", None, f"is not given, and {path} is damaged: put back a copy of it, or set RECADO_SECRET"
        )
    return secret


def _make(path: Path, size: int) -> None:
    # Whole or not at all, and never over one that another process has just made: hence the link.
    draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(size)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
