"""Power cuts: the recording of a disk under a workload, and the states in which a cut may leave it."""
import bisect
import contextlib
import itertools
import mmap
import os
import random
import struct
import subprocess
import threading
import time

from campaign import BUILD, wait_until
from disks import MNT_DETACH, Loop, copy_image, make_image, mounted, unmount
from invariants import Findings, digest_of, examine

PROGRAMS = os.path.abspath(os.path.join(BUILD, 'tests', 'faults'))
BLOCK = 4096  # what a disk writes whole or not at all; ext4 does not bear half a block in its journal
RETRY_EACH = 25  # states from one in which a put is tried again to the next


class DiskRecording:
    """A workload under way on a disk that logs, and what its clients were told."""

    records = True  # stored files carry what the library remembers of them

    def __init__(self, folder, system, seed):
        self.folder = folder
        self.system = system
        self.random = random.Random(seed)
        self.before = folder + '/before'  # the image as it was
        self.log = folder + '/log'
        self.root = folder + '/mount'
        self.library = self.root + '/library'
        self.numbers = itertools.count()
        self.sent = {}  # for each name, the digests of what was tried
        self.files = {}  # for each name that one client wants, its local file
        self.told = []  # the log's length, a name, and the digests of which it must have one

    def serving(self):
        """A context in which clients are served."""
        raise NotImplementedError

    def retry(self, name):
        """Stores a name again, after the cut; returns what is wrong, or None."""

    def record(self, workload):
        image, disk = self.folder + '/image', self.folder + '/disk'
        make_image(self.before, self.system)
        subprocess.run(['cp', '--sparse=always', self.before, image], check=True)
        os.mkdir(self.root)
        open(disk, 'xb').close()
        with subprocess.Popen([PROGRAMS + '/disk', image, self.log, disk]) as process:
            try:
                wait_until(lambda: os.path.getsize(disk) or process.poll() is not None, 'the disk')
                if process.poll() is not None:
                    raise RuntimeError('the disk does not start')
                with Loop(disk) as device, mounted(device, self.root, self.system), self.serving():
                    workload(self)
            finally:
                process.terminate()
                # If the signal came just before it waited for the next request, it would wait for ever.
                with contextlib.suppress(OSError):
                    unmount(disk, MNT_DETACH)

    def make_file(self, size):
        """A local file, with a hole if it is large; returns its path and its digest."""
        path = f'{self.folder}/file-{next(self.numbers)}'
        third = size // 3
        data = self.random.randbytes(size)
        if third > 10_000:
            data = data[:third] + bytes(third) + data[2 * third:]
        with open(path, 'xb') as file:
            file.write(data)
        return path, digest_of(data)

    def tell(self, name, digests):
        """A client was told that one of these is stored under the name."""
        self.told.append((os.path.getsize(self.log), name, digests))

    @contextlib.contextmanager
    def others_syncing(self):
        """Meanwhile somebody else on this disk makes files durable, again and again."""
        done = threading.Event()

        def sync():
            with open(self.root + '/other', 'wb', buffering=0) as file:
                while not done.wait(0.002):
                    file.write(b'other')
                    os.fsync(file.fileno())

        thread = threading.Thread(target=sync)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def read_log(path):
    """
    Cuts the log at its flushes: pairs of the writes, which are offsets and bytes, and of the log's
    length at the flush behind them.
    """
    segments, writes, at = [], [], 0
    with open(path, 'rb') as file:
        log = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    while at < len(log):
        offset, length = struct.unpack_from('=QQ', log, at)
        if length == 0:
            segments.append((writes, at))
            writes = []
        else:
            writes.append((offset, log[at + 16:at + 16 + length]))
        at += 16 + length
    return [*segments, (writes, at)]


def propose(random_, writes):
    """
    What of these writes reaches the disk: their numbers, and of the last one the blocks (None for
    all of them).
    """
    kind = random_.choice(('flushed', 'first', 'any', 'any', 'torn'))
    count = len(writes)
    if kind == 'flushed' or count == 0:
        return (), None
    if kind == 'any':
        return tuple(n for n in range(count) if random_.random() < 0.5), None
    numbers = tuple(range(random_.randrange(1, count + 1)))
    blocks = len(writes[numbers[-1]][1]) // BLOCK
    if kind == 'first' or blocks <= 1:
        return numbers, None
    return numbers, tuple(n for n in range(blocks) if random_.random() < 0.5)


def choose_states(random_, segments, wanted):
    """Chooses so many different states, evenly among the segments: for each of them a set."""
    chosen = [set() for _ in segments]
    count, tries = 0, 0
    while count < wanted and tries < 20 * wanted:
        for number in random_.sample(range(len(segments)), len(segments)):
            tries += 1
            state = propose(random_, segments[number][0])
            if count < wanted and state not in chosen[number]:
                chosen[number].add(state)
                count += 1
    return [sorted(states, key=repr) for states in chosen]


def write_all(fd, writes):
    for offset, data in writes:
        os.pwrite(fd, data, offset)


def write_state(fd, writes, state):
    numbers, blocks = state
    if blocks is None:
        write_all(fd, (writes[n] for n in numbers))
        return
    write_all(fd, (writes[n] for n in numbers[:-1]))
    offset, data = writes[numbers[-1]]
    for n in blocks:
        os.pwrite(fd, data[n * BLOCK:(n + 1) * BLOCK], offset + n * BLOCK)


class Result:
    """What came of one recording."""

    def __init__(self, recording):
        self.findings = Findings()
        self.states = 0
        self.told = len(recording.told)
        self.seconds = 0.0
        self.evidence = []  # images of states in which something was found


class Replay:
    """Makes states of a recorded disk, one after the other, and looks at each."""

    def __init__(self, recording, keep):
        self.recording = recording
        self.keep = keep  # where to, the first image in which something is found; or None
        self.result = Result(recording)
        self.segments = read_log(recording.log)
        self.told_at = sorted(recording.told, key=lambda told: told[0])

    def run(self, random_, wanted):
        scratch = self.recording.folder + '/scratch'
        chosen = choose_states(random_, self.segments, wanted)
        start = time.monotonic()
        with open(self.recording.before, 'r+b', buffering=0) as before, \
                open(scratch, 'x+b', buffering=0) as target:
            os.truncate(scratch, os.path.getsize(self.recording.before))
            with Loop(scratch) as device:
                for (writes, end), states in zip(self.segments, chosen):
                    for state in states:
                        copy_image(before.fileno(), target.fileno())
                        write_state(target.fileno(), writes, state)
                        self.look(device, end, state, before, writes)
                    write_all(before.fileno(), writes)
        self.result.seconds = time.monotonic() - start
        return self.result

    def look(self, device, end, state, before, writes):
        """The cut came right before the flush at `end`, whatever of the writes has got through."""
        recording = self.recording
        told = self.told_at[:bisect.bisect_right(self.told_at, end, key=lambda told: told[0])]
        self.result.states += 1
        device.forget()
        try:
            with mounted(device, recording.root, recording.system):
                findings = Findings()
                if told or os.path.isdir(recording.library):
                    findings = examine(recording.library, recording.sent,
                                       {name: digests for _, name, digests in told},
                                       recording.records)
                    self.retry(findings)
        except OSError as error:
            findings = Findings()
            findings.lost.append(f'all: {error}')
        if findings and self.keep and not self.result.evidence:
            self.preserve(before, writes, state)
        self.result.findings.add(findings, f'log at {end}, {describe(state, writes)}: ')

    def retry(self, findings):
        files = self.recording.files
        if self.result.states % RETRY_EACH == 0 and files:
            name = sorted(files)[self.result.states % len(files)]
            fault = self.recording.retry(name)
            if fault:
                findings.lost.append(f'{name}: {fault}')

    def preserve(self, before, writes, state):
        os.makedirs(os.path.dirname(self.keep), exist_ok=True)
        with open(self.keep, 'w+b', buffering=0) as image:
            copy_image(before.fileno(), image.fileno())
            write_state(image.fileno(), writes, state)
        self.result.evidence.append(self.keep)


def describe(state, writes):
    numbers, blocks = state
    part = '' if blocks is None else ', a part of the last'
    return f'{len(numbers)} of {len(writes)} writes behind the flush{part}'
