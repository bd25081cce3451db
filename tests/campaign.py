"""What the campaigns share: private folders, daemons, what their processes take, and the report."""
import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BUILD = os.environ.get('FSD_BUILD') or os.path.join(os.path.dirname(__file__), '..', 'build')
FSD = os.path.abspath(os.path.join(BUILD, 'fsd'))
FSC = os.path.abspath(os.path.join(BUILD, 'fsc'))
SHORT, FULL = (os.environ.get(name, '') not in ('', '0') for name in ('SHORT', 'FULL'))
MODELS = os.environ.get('FSD_MODELS', '').split() or ['process', 'thread']
LIMIT = 60  # seconds in which what has to happen happens
LONGEST = 1800  # seconds that one fsc may take
TICK = 0.002  # seconds between looks at what no descriptor tells
MIB = 1024 * 1024


class Report:
    """Prints one line for each promise as soon as it is known, and what they come to at the end."""

    def __init__(self):
        self.counts = {'passed': 0, 'failed': 0, 'skipped': 0}

    def promise(self, text, kept, figure):
        self.counts['passed' if kept else 'failed'] += 1
        print(f"{'ok' if kept else 'not ok'} {text}: {figure}", flush=True)

    def note(self, text):
        """What is no promise, but helps to understand those that follow."""
        print('# ' + text, flush=True)

    def skip(self, text, why):
        self.counts['skipped'] += 1
        print(f'ok {text} # skip {why}', flush=True)

    def end(self):
        """Prints the last line, and returns the exit code."""
        print(', '.join(f'{count} {word}' for word, count in self.counts.items()
                        if count or word != 'skipped'))
        return 1 if self.counts['failed'] or not any(self.counts.values()) else 0


def run_campaign(campaign, *arguments):
    """Runs campaign(report, *arguments), and exits; an exception is a promise that was not kept."""
    report = Report()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    try:
        campaign(report, *arguments)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        traceback.print_exc()
        report.promise('the campaign runs to its end', False, 'see above')
    sys.exit(report.end())


def memory_folders():
    """Where files may lie in memory, which is many times faster than most disks."""
    return ['/dev/shm'] if os.access('/dev/shm', os.W_OK) else []


@contextlib.contextmanager
def private_folder(wanted=0, inodes=0, places=()):
    """
    A folder that is removed afterwards, in the first of the places, and else in $TMPDIR, that has
    room for so many bytes and inodes; None when none has.
    """
    for place in (*places, os.environ.get('TMPDIR') or '/tmp'):
        room = os.statvfs(place)
        # A file system that counts no inodes says that it has none at all.
        has_inodes = room.f_favail >= inodes or not room.f_files
        if has_inodes and room.f_bavail * room.f_frsize >= wanted:
            break
    else:
        yield None
        return
    folder = tempfile.mkdtemp(prefix='fsd-tests.', dir=place)
    os.chmod(folder, 0o711)
    try:
        yield folder
    finally:
        subprocess.run(['rm', '-rf', folder], check=True)


def wait_until(condition, text, limit=LIMIT):
    """Waits for something that shows only in files or in the process table; returns the seconds."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() > start + limit:
            raise TimeoutError(f'waited in vain: {text}')
        time.sleep(TICK)
    return time.monotonic() - start


def read_text(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()


def read_process(pid, file):
    """A file of /proc/PID; an empty text when the process is gone."""
    try:
        return read_text(f'/proc/{pid}/{file}')
    except (FileNotFoundError, ProcessLookupError):
        return ''


def memory(pid, kind):
    """VmRSS, what a process holds in memory, or VmHWM, the most that it ever held; in bytes."""
    found = re.search(rf'^{kind}:\s+(\d+) kB$', read_process(pid, 'status'), re.M)
    return int(found[1]) * 1024 if found else 0


def share_of_memory(pids):
    """The bytes of all these processes, of which each counts its share of what several have (Pss)."""
    texts = (read_process(pid, 'smaps_rollup') for pid in pids)
    return sum(int(kib) * 1024 for text in texts for kib in re.findall(r'^Pss:\s+(\d+) kB$', text, re.M))


def processor_time(pid):
    """Seconds of user and system time."""
    fields = read_process(pid, 'stat').rpartition(')')[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf('SC_CLK_TCK') if fields else 0


def descriptors(pid):
    """How many a process has open."""
    return len(os.listdir(f'/proc/{pid}/fd'))


def descendants(pid):
    """The processes below one, those below them, and so on."""
    found = []
    for child in map(int, read_process(pid, f'task/{pid}/children').split()):
        found += [child, *descendants(child)]
    return found


class Daemon:
    """An fsd with a library, a socket, a free port and a log in a private folder."""

    def __init__(self, folder, *options, settings='', library=None, is_started=True,
                 anonymous='list get put', **how):
        self.folder = tempfile.mkdtemp(prefix='daemon.', dir=folder)
        os.chmod(self.folder, 0o711)
        self.socket = os.path.join(self.folder, 'socket')
        self.config = os.path.join(self.folder, 'fsd.conf')
        self.library = library or os.path.join(self.folder, 'library')
        self.log = os.path.join(self.folder, 'log')
        os.makedirs(self.library, exist_ok=True)
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(settings)
        self.options = ('--anonymous', anonymous, *options)
        self.process = None
        if is_started:
            self.start(**how)

    def start(self, wrapper=(), environment=None):
        """Starts it, by the command `wrapper`, and returns when it listens."""
        with open(self.log, 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                [*wrapper, FSD, '--config', self.config, '--library', self.library, '--foreground',
                 '--listen', self.socket, '--listen', 'plain:127.0.0.1:0', *self.options],
                env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        self.pid = self.process.pid
        try:
            listens = 2 + self.options.count('--listen')
            wait_until(lambda: self.count('msg=listening') >= listens or self.process.poll() is not None,
                       'the daemon to listen')
            self.port = int(re.search(r'address=plain:.*:(\d+)$', read_text(self.log), re.M)[1])
        except Exception as error:
            self.stop()
            raise RuntimeError('fsd does not start: ' + read_text(self.log)) from error
        self.tcp = f'plain:127.0.0.1:{self.port}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def count(self, text):
        """How many lines of the log have this text?"""
        return sum(text in line for line in read_text(self.log).splitlines())

    def errors(self):
        """What the log has above warnings; what a sanitizer says, too."""
        return [line for line in read_text(self.log).splitlines()
                if not re.match('time=[^ ]* level=(info|warning) ', line)]

    def children(self):
        return descendants(self.pid)

    def tasks(self):
        """How many threads do the processes below it have? A zombie is one."""
        count = 0
        for pid in self.children():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                count += len(os.listdir(f'/proc/{pid}/task'))
        return count

    def rest(self):
        """Waits until sessions have neither come nor gone for a while; returns tasks() then."""
        seen = [(time.monotonic(), self.tasks())]

        def is_at_rest():
            seen.append((time.monotonic(), self.tasks()))
            if seen[-1][1] != seen[0][1]:
                del seen[:-1]
            return seen[-1][0] > seen[0][0] + 0.2

        wait_until(is_at_rest, 'the daemon to come to rest')
        return seen[-1][1]

    def stop(self):
        """Ends it with TERM, after a while with KILL, and returns its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def start_fsc(self, *arguments, server=None, wrapper=(), **options):
        environment = {'PATH': os.environ['PATH'], 'HOME': self.folder, 'LC_ALL': 'C.UTF-8',
                       'FSC_SERVER': server or self.socket}
        return subprocess.Popen([*wrapper, FSC, *arguments], env=environment, **options)

    def run_fsc(self, *arguments, text=b'', **options):
        """Runs fsc with this on its standard input; returns output, exit code, and seconds."""
        start = time.monotonic()
        process = self.start_fsc(*arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 **options)
        try:
            output = process.communicate(text, LIMIT)[0]
        finally:
            process.kill()
            process.wait()
        return output, process.returncode, time.monotonic() - start

    def measure_fsc(self, *arguments, feed=None, take=None):
        """
        Runs fsc to its end. `feed(stream)` writes its standard input, `take(stream)` reads its
        standard output. Returns a Run.
        """
        run = Run()
        start = time.monotonic()
        process = self.start_fsc(*arguments, stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                                 stdout=subprocess.PIPE if take else subprocess.DEVNULL)
        threads = [threading.Thread(target=run.pump, args=pair)
                   for pair in ((feed, process.stdin), (take, process.stdout)) if pair[0]]
        for thread in threads:
            thread.start()
        ended = os.pidfd_open(process.pid)
        try:
            # Both keep the most that they ever held, as long as they live.
            while not select.select([ended], [], [], TICK)[0]:
                if time.monotonic() > start + LONGEST:
                    raise TimeoutError(f'fsc {arguments} does not end')
                run.client_memory = max(run.client_memory, memory(process.pid, 'VmHWM'))
                run.session_memory = max(run.session_memory,
                                         *(memory(pid, 'VmHWM') for pid in self.children()), 0)
        except BaseException:
            process.kill()
            raise
        finally:
            os.close(ended)
            run.code = process.wait()
            run.seconds = time.monotonic() - start
            for thread in threads:
                thread.join()
        return run


class Run:
    """What came of one fsc."""

    def __init__(self):
        self.code = None
        self.seconds = 0.0
        self.client_memory = 0  # bytes, at most
        self.session_memory = 0  # of the largest process below the daemon
        self.results = {}

    def pump(self, work, stream):
        with contextlib.suppress(BrokenPipeError), stream:
            self.results[work] = work(stream)


def is_sanitized():
    with open(FSD, 'rb') as file:
        return re.search(rb'__[at]san_init', file.read()) is not None


def in_mib(size):
    return f'{size / MIB:.1f} MiB'
