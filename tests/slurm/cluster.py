"""A Slurm cluster of one node, this machine, on the loopback, with a configuration of its own."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"

CONFIG = """\
ClusterName=morphovote
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmctldPort={controller}
SlurmdPort={daemon}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=600
ReturnToService=2
SwitchType=switch/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def find_programs() -> list[str]:
    """Programs that are missing; installs Debian's packages where that can be done."""
    missing = _missing()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = ["apt-get", "install", "-y", "--no-install-recommends", "slurm-wlm", "munge"]
        quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], packages):
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, env=quietly,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            # Shown where the test fails.
            print(done.stdout[-1000:], done.stderr[-1000:])
        missing = _missing()
    return missing


def _missing() -> list[str]:
    return [program for program in PROGRAMS if not shutil.which(program, path=PATH)]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """The daemons, for as long as the `with` block lasts."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.daemons: list[subprocess.Popen] = []
        self.environment = os.environ | {
            "SLURM_CONF": f"{folder}/slurm.conf",
            "PATH": f"{folder}/bin:{PATH}",
        }

    def __enter__(self) -> "Cluster":
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)
        text = CONFIG.format(
            host=socket.gethostname().split(".")[0],
            user=user.stdout.strip(),
            folder=self.folder,
            controller=free_port(),
            daemon=free_port(),
            cores=os.cpu_count(),
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 500,
        )
        (self.folder / "slurm.conf").write_text(text)
        # The executor takes Slurm's variables out of the environment of its job steps.
        step = self.folder / "bin/srun"
        program = shutil.which("srun", path=PATH)
        step.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {program} "$@"\n')
        step.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        files = [
            f"--{name}={self.folder}/munge.{end}"
            for name, end in (("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"),
                              ("log-file", "log"), ("seed-file", "seed"))
        ]  # fmt: skip
        try:
            self._start("munged", "--foreground", "--force", *files)
            self._wait("munge's socket", lambda: (self.folder / "munge.socket").exists())
            self._start("slurmctld", "-D")
            self._start("slurmd", "-D")
            self._wait("an idle node", lambda: "idle" in self.ask("sinfo", "-h", "-o", "%T"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, *command: str) -> None:
        program = shutil.which(command[0], path=PATH)
        output = open(self.folder / f"{command[0]}.out", "wb")  # noqa: SIM115 (the daemon has it)
        self.daemons.append(
            subprocess.Popen(
                [program, *command[1:]], env=self.environment, stdout=output, stderr=output
            )
        )

    def _wait(self, what: str, ready, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                logs = [path.read_text(errors="replace")[-1500:]
                        for path in sorted(self.folder.glob("*.[lo][ou][gt]"))]  # fmt: skip
                raise RuntimeError(f"no sign of {what} in {seconds} s\n" + "\n---\n".join(logs))
            time.sleep(0.2)

    def ask(self, *command: str) -> str:
        """Output of a command of Slurm."""
        found = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        return found.stdout

    def __exit__(self, *_) -> None:
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
