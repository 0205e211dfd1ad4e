"""A Slurm cluster of one node, this machine, in a temporary folder: munged, slurmctld and slurmd without systemd, cgroups or accounting."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")

CONFIGURATION = """ClusterName=affinis
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={control_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=1,requeue_setup_env_fail
ReturnToService=2
MpiDefault=none
KillWait=5
MinJobAge=300
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """Why no cluster can be started here; empty when one can."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return "no %s here: install the packages slurm-wlm and munge (cmake/setup.sh --slurm)" % ", ".join(missing)
    if os.geteuid() != 0:
        return "only root can start slurmd"
    return ""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Cluster:
    """Started by the constructor; `environment` is what its commands need."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="affinis-slurm-")
        self.processes = []
        for name in ("state", "spool"):
            os.mkdir(os.path.join(self.folder, name))
        host = socket.gethostname().split(".")[0]
        with open(self.path("slurm.conf"), "w") as file:
            file.write(CONFIGURATION.format(host=host, folder=self.folder, cpus=os.cpu_count(), control_port=free_port(), node_port=free_port()))
        self.environment = {**os.environ, "SLURM_CONF": self.path("slurm.conf")}
        with open(self.path("munge.key"), "wb") as file:
            os.chmod(file.name, 0o400)
            file.write(os.urandom(128))
        self.start("munged", "--foreground", "--force", "--key-file=" + self.path("munge.key"), "--socket=" + self.path("munge.socket"),
                   "--pid-file=" + self.path("munged.pid"), "--log-file=" + self.path("munged.log"), "--seed-file=" + self.path("munged.seed"))
        self.wait_for("munged", lambda: os.path.exists(self.path("munge.socket")))
        self.start("slurmctld", "-D", "-i")
        self.wait_for("slurmctld", lambda: self.ask("scontrol", "ping").returncode == 0 and "UP" in self.ask("scontrol", "ping").stdout)
        self.start("slurmd", "-D")
        self.wait_for("slurmd", lambda: self.ask("sinfo", "-h", "-o", "%t").stdout.strip() in ("idle", "mix", "alloc"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *command):
        with open(self.path(command[0] + ".out"), "w") as output:
            self.processes.append(subprocess.Popen(command, stdout=output, stderr=output, env=self.environment))

    def ask(self, *command):
        return subprocess.run(command, capture_output=True, text=True, env=self.environment)

    def wait_for(self, name, condition):
        deadline = time.monotonic() + 60
        while not condition():
            dead = self.processes[-1].poll() is not None
            if dead or time.monotonic() > deadline:
                with open(self.path(name + ".out")) as output:
                    said = output.read()[-2000:]
                self.stop()
                raise RuntimeError("%s does not start: %s" % (name, said))
            time.sleep(0.2)

    def stop(self):
        self.ask("scancel", "--user=root")
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
