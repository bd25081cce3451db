"""One fsc that is disturbed on its way, what must be true then, and the same fsc once more."""
import contextlib
import itertools
import os
import shutil
import subprocess

from campaign import (BUILD, FSC, FSD, Daemon, is_sanitized, memory_folders, private_folder,
                      read_text, wait_until)
from disks import Loop, enter_namespace, make_image, missing_for, mounted
from invariants import digest_of, examine, stages

TRACER = os.path.abspath(os.path.join(BUILD, 'tests', 'faults', 'tracer'))
SMALL, LARGE = os.urandom(3000), os.urandom(200_000)
# The processes that may be disturbed: their numbers for the tracer. The first one that a daemon
# without spare ones forks is that of the first session, or the worker that has all of them.
TARGETS = {'session': 1, 'daemon': 0, 'client': 0}
# How many uploads may be left in the stage of what was killed, until somebody sweeps them.
STAGES_LEFT = {'session': 1, 'daemon': 1, 'client': 0}
NUMBERS = itertools.count()


class Work:
    """What one fsc stores or fetches."""

    def __init__(self, verb, words, name, data, stream=False, before=()):
        self.words = f'{verb} {words}'
        self.verb = verb
        self.name = name
        self.data = data
        self.stream = stream
        self.before = before  # names under which the same bytes are stored already

    def arguments(self, folder):
        """The command line, with files in this folder."""
        if self.verb == 'get':
            return ['get', self.name, '--output', folder + '/fetched', '--force']
        return ['put', '-' if self.stream else folder + '/source', '--name', self.name]

    def text(self):
        return self.data if self.stream else b''


WORKS = (Work('put', 'a small file', 'small', SMALL),
         Work('put', 'a large file', 'large', LARGE),
         Work('put', 'a stream', 'stream', SMALL, stream=True),
         Work('put', 'into new folders', 'a/new/folder/file', SMALL),
         Work('put', 'the same bytes again', 'twice', SMALL, before=('twice',)),
         Work('put', 'a large file again', 'large', LARGE, before=('large',)),
         Work('get', 'a file', 'file', LARGE, before=('file',)))


def missing_to_trace():
    """Why no process can be traced; None when one can."""
    if is_sanitized():
        return 'programs built with sanitizers cannot be traced'
    if not os.access(TRACER, os.X_OK):
        return 'the tracer was not built'
    with private_folder() as folder:
        subprocess.run([TRACER, folder + '/result', '0', 'any', '0', 'kill', 'true'],
                       stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: read_text(folder + '/result').endswith('passed\n'), 'a result', 5)
        except TimeoutError:
            return 'no process may be traced here'
    return None


class Attempt:
    """
    A work during which the target is disturbed, as the tracer is told by `plan`: the call, which of
    them, and the action. `codes` are those that fsc may end with, beside 0.
    """

    def __init__(self, work, target, plan, codes, model='process'):
        self.work = work
        self.model = model
        self.target = target
        self.plan = plan
        self.codes = codes
        self.folder = None
        self.digest = digest_of(work.data)
        self.stored = {name: {self.digest} for name in work.before}
        self.faults = []  # what was found
        self.code = None  # of fsc
        self.calls = []  # that the target made, by their numbers
        self.is_done = False  # did it come to the action?

    def run(self, place):
        """Does it all, in a new folder in that place, and returns itself."""
        self.folder = f'{place}/{next(NUMBERS)}'
        os.mkdir(self.folder)
        try:
            self.prepare()
            self.disturb()
            *calls, last = read_text(self.folder + '/result').split()
        finally:
            shutil.rmtree(self.folder)
        self.calls = list(map(int, calls))
        self.is_done = last == 'done'
        return self

    def prepare(self):
        with open(self.folder + '/source', 'wb') as file:
            file.write(self.work.data)
        library = self.folder + '/library'
        os.mkdir(library)
        for name in self.work.before:
            subprocess.run([FSC, '--server', f'exec:{FSD} --stdio --library {library}', 'put',
                            self.folder + '/source', '--name', name], check=True)

    def disturb(self):
        tracer = [TRACER, self.folder + '/result', str(TARGETS[self.target]), *self.plan]
        is_client = self.target == 'client'
        with self.start(() if is_client else tracer) as daemon:
            if daemon.process.poll() is None:
                self.judge(self.run_fsc(daemon, tracer if is_client else ()))
            if self.target == 'daemon':
                self.end(daemon, (0, -9))
            self.look()
            if self.target == 'daemon':
                daemon.start()
            self.judge_retry(self.retry(daemon))
            self.look()
            self.end(daemon, (0,))

    def start(self, wrapper):
        daemon = Daemon(self.folder, '--concurrency', self.model, settings='spare = 0;',
                        library=self.folder + '/library', is_started=False)
        # One that is killed before it listens does not start.
        with contextlib.suppress(RuntimeError):
            daemon.start(wrapper)
        return daemon

    def run_fsc(self, daemon, wrapper=()):
        return daemon.run_fsc(*self.work.arguments(self.folder), text=self.work.text(),
                              wrapper=wrapper, stderr=subprocess.DEVNULL)[1]

    def retry(self, daemon):
        code = self.run_fsc(daemon)
        # The retry's session may be a thread of the same process, and die as the first one would.
        return self.run_fsc(daemon) if self.model == 'thread' and code in self.codes else code

    def judge(self, code):
        self.code = code
        if code == 0:
            self.note_success()
        elif code not in self.codes:
            self.faults.append(f'fsc ends with {code}')

    def judge_retry(self, code):
        # Of a stream whose name is taken nothing is read, so it cannot be told to be the same.
        if code == 0 or (code == 3 and self.work.stream):
            self.note_success()
        else:
            self.faults.append(f'the retry ends with {code}')

    def note_success(self):
        if self.work.verb == 'put':
            self.stored[self.work.name] = {self.digest}
        elif not self.is_fetched():
            self.faults.append('fsc get ends with 0, and the file is another one')

    def is_fetched(self):
        with open(self.folder + '/fetched', 'rb') as file:
            return file.read() == self.work.data

    def look(self):
        sent = {name: {self.digest} for name in (self.work.name, *self.work.before)}
        self.faults += examine(self.folder + '/library', sent, self.stored).all()
        if os.path.exists(self.folder + '/fetched') and not self.is_fetched():
            self.faults.append('a part of a file was fetched')

    def end(self, daemon, codes):
        code = daemon.stop()
        if code not in codes:
            self.faults.append(f'fsd ends with {code}')
        # Sessions whose daemon was killed end by themselves; what traces them waits for them.
        wait_until(lambda: read_text(self.folder + '/result').endswith('\n'),
                   'all processes to end')
        left = stages(self.folder + '/library')
        if len(left) > STAGES_LEFT[self.target]:
            self.faults.append(f'{len(left)} stages are left')


@contextlib.contextmanager
def library_place(report):
    """A folder on an ext4 image, or, where none can be had, in $TMPDIR."""
    why = enter_namespace() or missing_for(['ext4'])
    with private_folder(2**26, 10_000, memory_folders() if not why else ()) as folder:
        report.note(f'libraries lie on {"ext4" if not why else "what TMPDIR is on: " + why}')
        if why:
            yield folder
            return
        make_image(folder + '/image', 'ext4')
        os.mkdir(folder + '/mount')
        with Loop(folder + '/image') as device, mounted(device, folder + '/mount', 'ext4'):
            yield folder + '/mount'
