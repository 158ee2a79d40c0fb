"""Runs the broker's Java process and ends it when the process that wanted it is gone, however that one died.

    python -I -S watchdog.py FD COMMAND...

Standard input is a pipe that only the owner holds open: its end (the owner closed it, exited, or was killed) is the
word to stop. FD is the locked file of the data directory: watchdog and broker inherit it, so the lock lasts exactly
as long as either of them. A process of its own, because the kernel's parent-death signal follows a thread, and does not
exist on macOS. The first line on standard output is the broker's process id. Imports nothing of Recado, to start fast.
"""

import os
import select
import signal
import subprocess
import sys

GRACE = 20.0  # seconds for a clean shutdown; then SIGKILL, which Kafka's log survives
END = signal.SIGHUP  # the one signal by which the broker ends in order
PR_SET_PDEATHSIG = 1


def prepare() -> None:
    """In the child, before exec: who ends everything at once (a service manager, a terminal) sends SIGTERM or SIGINT to
    each process, and the broker must outlive its clients; a Java that finds them ignored leaves them so. On Linux the
    broker goes even if this watchdog is killed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """The broker's exit status."""
    lock, command = int(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        # The owner decides, through the pipe. Not SIG_IGN: the broker would inherit that, and never hear of its end.
        signal.signal(number, lambda number, frame: None)
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer)
    broker = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        pass_fds=(lock,),
        preexec_fn=prepare,  # noqa: PLW1509 - this process has one thread
        restore_signals=True,
    )
    os.write(1, b"%d\n" % broker.pid)
    os.close(1)
    while broker.poll() is None:
        ready, _, _ = select.select([0, wake_reader], [], [])
        if 0 in ready and not os.read(0, 1):
            broker.send_signal(END)
            try:
                broker.wait(GRACE)
            except subprocess.TimeoutExpired:
                broker.kill()
                broker.wait()
        elif wake_reader in ready:
            os.read(wake_reader, 64)
    return broker.returncode if broker.returncode >= 0 else 128 - broker.returncode


if __name__ == "__main__":
    sys.exit(main())
