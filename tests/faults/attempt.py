"""One fsc that is disturbed on its way, what must be true then, and the same fsc once more."""
import contextlib
import itertools
import os
import re
import shutil
import subprocess

from campaign import (BUILD, FSC, FSD, Daemon, is_sanitized, memory_folders, private_folder,
                      read_text, wait_until)
from disks import Loop, enter_namespace, make_image, missing_for, mounted
from invariants import digest_of, examine, stages
from session import Session, item

TRACER = os.path.abspath(os.path.join(BUILD, 'tests', 'faults', 'tracer'))
SMALL = os.urandom(3000)
# With holes, for which no bytes are written.
LARGE = os.urandom(100_000) + bytes(60_000) + os.urandom(20_000) + bytes(20_000)
# The processes that may be disturbed: their numbers for the tracer. The first one that a daemon
# without spare ones forks tries the disk; where uploads were left behind, the next one sweeps; then
# comes that of the first session, or the worker that has all of them.
TARGETS = {'session': 2, 'daemon': 0, 'client': 0, 'sweeper': 2}
# How many uploads may be left in the stage of what was killed, until somebody sweeps them.
STAGES_LEFT = {'session': 1, 'daemon': 1, 'client': 0}
NUMBERS = itertools.count()
UPLOAD = '0123456789abcdef' * 2
# What a client of our own ends with, as fsc would: 10 when it got no answer.
EXIT_CODES = {'denied': 6, 'no-space': 7, 'too-large': 7, 'mismatch': 8, 'timeout': 11, 'busy': 12,
              'unavailable': 12}
LOST, UNAVAILABLE = 10, 12
PATIENCE = 5  # seconds for a session to end whose client has gone


class Work:
    """
    What one fsc does: its arguments, in which {} is a folder of local files; what its local file
    "source" or its standard input holds; the library before it and, where it differs, afterwards, as
    the bytes of each name; and what it fetches into the local file "fetched".
    """

    targets = ('session', 'daemon', 'client')  # that may be disturbed
    has_leftovers = False  # are there stages before it?

    def __init__(self, words, arguments, source=b'', text=b'', before=None, after=None, fetched=None):
        self.words = words
        self.arguments = arguments.split()
        self.source = source
        self.text = text
        self.before = before or {}
        self.after = {**self.before, **(after or {})}
        self.fetched = fetched
        self.stores = after is not None
        self.deletes = None in self.after.values()

    def digests(self, is_done):
        """Those that each name may have now; None is for a name that is not there."""
        found = {}
        for name in self.after:
            ways = [self.after] if is_done else [self.before, self.after]
            found[name] = {way.get(name) and digest_of(way[name]) for way in ways}
        return found

    def leave(self, library):
        """Makes the stages that are there before."""

    def act(self, attempt, daemon, wrapper):
        """Does it, and returns the exit code."""
        return daemon.run_fsc(*(word.format(attempt.folder) for word in self.arguments),
                              text=self.text, wrapper=wrapper, stderr=subprocess.DEVNULL)[1]

    def settle(self, library):
        """Waits for what the daemon does by itself."""

    def fault_of_left(self, library, target):
        """What is wrong with the stages that are left in the end; None when nothing is."""
        left = len(stages(library))
        return f'{left} stages are left' if left > STAGES_LEFT[target] else None


class Resumption(Work):
    """A client of our own resumes an upload that broke off."""

    targets = ('session', 'daemon')
    has_leftovers = True

    def __init__(self, words, name, data, staged):
        super().__init__(words, '', data, after={name: data})
        self.request = f'PUT {name} size={len(data)} upload={UPLOAD}\n'.encode()
        self.staged = staged  # how many bytes have come before

    def leave(self, library):
        subprocess.run([FSD, '--stdio', '--library', library], check=True, stdout=subprocess.DEVNULL,
                       input=self.request + item(self.source[:self.staged]))

    def act(self, attempt, daemon, wrapper):
        try:
            with contextlib.closing(Session(daemon.socket)) as session:
                return self.code_of(self.speak(attempt, session))
        except OSError:
            return LOST

    def speak(self, attempt, session):
        """Returns the last answer."""
        with contextlib.suppress(BrokenPipeError):  # of one that is turned away
            session.send(self.request)
        answer = session.line()
        if not (go := re.match(r'OK offset=(\d+)(?: digest=(\S+))?$', answer or '')):
            return answer
        at = int(go[1])
        attempt.resumed.append(at)
        if at and go[2] != digest_of(self.source[:at]):
            attempt.faults.append('other bytes are in the stage')
        rest = item(self.source[at:]) if at < len(self.source) else b''
        return session.ask(rest + b'END\n')

    def code_of(self, answer):
        """What fsc would end with."""
        word, *fields = (answer or '').split(' ')
        if word == 'FAIL':
            return EXIT_CODES.get(fields[0], 1)
        if word in ('OK', 'EXISTS'):
            return 0 if 'digest=' + digest_of(self.source) in fields else 3
        return LOST

    def fault_of_left(self, library, target):
        left = len(stages(library))
        return f'{left} stages are left of an upload that is stored' if left else None


class Sweep(Work):
    """A put beside the sweeper, which has old stages to remove and a young one to leave."""

    targets = ('sweeper',)
    has_leftovers = True

    def leave(self, library):
        for number, client in enumerate((*('anonymous', 'user:nobody') * 4, 'young')):
            folder = f'{library}/.fsd/stage/{client}'
            os.makedirs(folder, exist_ok=True)
            with open(f'{folder}/{number:032x}', 'wb') as file:
                file.write(b'left')
            if client != 'young':
                os.utime(file.name, (0, 0))

    def settle(self, library):
        wait_until(lambda: len(stages(library)) < 2, 'the sweep')

    def fault_of_left(self, library, target):
        left = [path.split('/')[-2] for path in stages(library)]
        return None if left == ['young'] else f'stages are left of {left}'


WORKS = (
    Work('put a small file', 'put {}/source --name small', SMALL, after={'small': SMALL}),
    Work('put a large file', 'put {}/source --name large', LARGE, after={'large': LARGE}),
    Work('put a stream', 'put - --name stream', text=SMALL, after={'stream': SMALL}),
    Work('put into new folders', 'put {}/source --name a/new/folder/file', SMALL,
         after={'a/new/folder/file': SMALL}),
    Work('put the same bytes again', 'put {}/source --name twice', SMALL,
         before={'twice': SMALL}, after={}),
    Work('put a large file again', 'put {}/source --name large', LARGE,
         before={'large': LARGE}, after={}),
    Resumption('go on with an upload', 'resumed', LARGE, 130_000),
    Work('replace a file', 'put {}/source --name a/file --replace', SMALL, before={'a/file': LARGE},
         after={'a/file': SMALL}),
    Work('replace a file by a large one', 'put {}/source --name a/file --replace', LARGE,
         before={'a/file': SMALL}, after={'a/file': LARGE}),
    Work('replace a certain file', f'put {{}}/source --name file --replace={digest_of(LARGE)}', SMALL,
         before={'file': LARGE}, after={'file': SMALL}),
    Work('replace no file', 'put {}/source --name a/file --replace', SMALL, after={'a/file': SMALL}),
    Work('delete a file', 'rm file', before={'file': SMALL}, after={'file': None}),
    Work('delete a folder with its last file', 'rm a/b/file', before={'a/b/file': SMALL},
         after={'a/b/file': None}),
    Sweep('put while stages are swept', 'put {}/source --name small', SMALL, after={'small': SMALL}),
    Work('get a file', 'get file --output {}/fetched --force', before={'file': LARGE}, fetched=LARGE),
)
WORKS = [work for work in WORKS if re.search(os.environ.get('WORKS', ''), work.words)]


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
        self.succeeded = False
        self.faults = []  # what was found
        self.code = None  # of fsc
        self.calls = []  # that the target made, by their numbers
        self.is_done = False  # did it come to the action?
        self.resumed = []  # where uploads were resumed

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
        self.calls = [int(call) for call in calls if call != 'end']
        self.is_done = last == 'done'
        if not self.is_done and self.resumed == [0]:
            self.faults.append('the upload is not resumed')
        return self

    def prepare(self):
        library = self.folder + '/library'
        os.mkdir(library)
        for name, data in self.work.before.items():
            subprocess.run([FSC, '--server', f'exec:{FSD} --stdio --library {library}', 'put', '-',
                            '--name', name], input=data, check=True)
        self.work.leave(library)
        with open(self.folder + '/source', 'wb') as file:
            file.write(self.work.source)

    def disturb(self):
        number = TARGETS[self.target] + (self.target == 'session' and self.work.has_leftovers)
        tracer = [TRACER, self.folder + '/result', str(number), *self.plan]
        is_client = self.target == 'client'
        with self.start(() if is_client else tracer) as daemon:
            if daemon.process.poll() is None:
                self.check_result(self.run_fsc(daemon, tracer if is_client else ()))
            is_anew = self.target in ('daemon', 'sweeper')
            if self.target == 'sweeper':
                wait_until(lambda: 'end' in read_text(self.folder + '/result'), 'the sweeper to end')
            if is_anew:
                self.end(daemon, (0, -9) if self.target == 'daemon' else (0,))
            self.look()
            if is_anew:
                daemon.start()
            self.check_retry(self.retry(daemon))
            self.look()
            self.work.settle(self.folder + '/library')
            self.end(daemon, (0,))
        if ids := sum((files for _, _, files in os.walk(daemon.folder + '/.local')), []):
            self.faults.append(f'fsc remembers {len(ids)} uploads that are stored')
        if fault := self.work.fault_of_left(self.folder + '/library', self.target):
            self.faults.append(fault)

    def start(self, wrapper):
        daemon = Daemon(self.folder, '--concurrency', self.model, settings='spare = 0;',
                        library=self.folder + '/library', is_started=False)
        # One that is killed before it listens does not start.
        with contextlib.suppress(RuntimeError):
            daemon.start(wrapper)
        return daemon

    def run_fsc(self, daemon, wrapper=()):
        return self.work.act(self, daemon, wrapper)

    def retry(self, daemon):
        """Tries again until it is no longer refused: an earlier session may still have the upload."""
        # The retry's session may be a thread of the same process, and die as the first one would.
        passing = (LOST, UNAVAILABLE) if self.model == 'thread' else (UNAVAILABLE,)
        codes = []

        def is_answered():
            codes.append(self.run_fsc(daemon))
            return codes[-1] not in passing

        with contextlib.suppress(TimeoutError):
            wait_until(is_answered, 'an answer', PATIENCE)
        return codes[-1]

    def check_result(self, code):
        self.code = code
        if code == 0:
            self.note_success()
        elif code not in self.codes:
            self.faults.append(f'fsc ends with {code}')

    def check_retry(self, code):
        # A stream whose name is taken is not read, so fsc cannot report it as the same; what was deleted
        # is not found.
        if code == 0 or (code == 3 and self.work.text) or (code == 4 and self.work.deletes):
            self.note_success()
        else:
            self.faults.append(f'the retry ends with {code}')

    def note_success(self):
        self.succeeded = True
        if self.work.fetched and not self.is_fetched():
            self.faults.append('fsc get ends with 0, and the file is another one')

    def is_fetched(self):
        with open(self.folder + '/fetched', 'rb') as file:
            return file.read() == self.work.fetched

    def look(self):
        sent = self.work.digests(False)
        stored = self.work.digests(self.succeeded)
        self.faults += examine(self.folder + '/library', sent, stored).all()
        if os.path.exists(self.folder + '/fetched') and not self.is_fetched():
            self.faults.append('a part of a file was fetched')

    def end(self, daemon, codes):
        code = daemon.stop()
        if code not in codes:
            self.faults.append(f'fsd ends with {code}')
        # Sessions whose daemon was killed end by themselves; what traces them waits for them.
        wait_until(lambda: read_text(self.folder + '/result').endswith('\n'),
                   'all processes to end')


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
