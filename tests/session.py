"""Raw sessions of fsd/1, for tests that need more than one connection or a look at the disk."""
import contextlib
import glob
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import struct
import sys
import threading
import time

SOCKET = os.environ.get('SOCKET')
LIBRARY = os.environ.get('LIBRARY')
LIMIT = 30  # seconds for each read and write
CLIENT = 'key:tester' if os.environ.get('FSD_TRANSPORT') else 'user '  # how answers call the client


def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def item(data):
    return b'%d\n%b\n' % (len(data), data)


def check(condition, text):
    if not condition:
        sys.exit(f'{text}, line {sys._getframe(1).f_lineno}')


def connect(address, source=None):
    """A socket that is connected to a path, or to a pair of host and port; by TLS if that is the model."""
    is_secure = isinstance(address, str) and os.path.exists(address + '.tls')
    if is_secure:
        with open(address + '.tls', encoding='ascii') as file:
            host, port = file.read().split(':')
        address = host, int(port)
    is_path = isinstance(address, str)
    own = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET6 if ':' in address[0] else socket.AF_INET)
    own.settimeout(LIMIT)
    if source:
        own.bind((source, 0))
    if not is_path:
        # Small parts of a request must not wait for each other's acknowledgement.
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    own.connect(address)
    if is_secure:
        import secure  # takes as long as the rest of a small test
        own = secure.TlsSocket(own, secure.make_context(os.environ['FSC_IDENTITY']))
    return own


class Session:
    """One connection; what is sent and what comes are texts, bodies are bytes."""

    def __init__(self, address=SOCKET, source=None):
        self.socket = connect(address, source)
        self.stream = self.socket.makefile('rb')

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def send_if_open(self, data):
        """Sends unless the daemon has closed the connection; returns whether it was sent."""
        try:
            self.send(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def line(self):
        """The next line without its LF; None at the end of the stream."""
        line = self.stream.readline().decode()
        return line[:-1] if line else None

    def ask(self, data):
        """The answer; before it a busy machine may send signs of life."""
        self.send(data if isinstance(data, bytes) else data + '\n')
        return self.news()

    def expect(self, data, start):
        """Asks, and checks how the answer begins."""
        answer = self.ask(data)
        if answer is None or not answer.startswith(start):
            sys.exit(f'{data!r}: expected {start!r}, got {answer!r}')
        return answer

    def expect_end(self):
        line = self.line()
        if line is not None:
            sys.exit(f'expected the end of the stream, got {line!r}')

    def expect_cut(self):
        """The end of the stream, of which the daemon may have left something unread."""
        try:
            self.expect_end()
        except ConnectionResetError:
            pass

    def body(self):
        """Reads a body: its bytes, and the line that ended it."""
        items = []
        while (head := self.line()) and (head.isdigit() or head == 'WAIT'):
            if head != 'WAIT':
                items.append(self.stream.read(int(head)))
                check(self.stream.read(1) == b'\n', 'no LF after an item')
        return b''.join(items), head

    def news(self):
        """The next line that is no sign of life."""
        until = time.monotonic() + LIMIT
        while (line := self.line()) == 'WAIT':
            check(time.monotonic() < until, 'nothing but WAIT')
        return line

    def item(self):
        """The next item of a body, behind any WAITs; or, as a text, the line that ends it."""
        head = self.news()
        if head is None or not head.isdigit():
            return head
        data = self.stream.read(int(head))
        check(self.stream.read(1) == b'\n', 'no LF behind an item')
        return data

    def status(self):
        """What STATUS answers: a dictionary."""
        self.expect('STATUS', 'OK')
        text, end = self.body()
        check(end == 'END' and text.endswith(b'\n'), f'STATUS: {end}')
        return dict(line.split(' ') for line in text.decode().splitlines())

    def is_silent(self, seconds):
        """Waits for an answer so long; is there none?"""
        until = time.monotonic() + seconds
        while not getattr(self.socket, 'has_data', bool)():
            if not select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
                return True
            if not hasattr(self.socket, 'has_data'):
                break
        return False

    def peer(self):
        """The process that listens."""
        credentials = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.unpack('3i', credentials)[0]

    def finish(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.stream.close()
        self.socket.close()


def session_as(uid, gid, groups):
    """A session of another user, for tests of root: the kernel reports who connects."""
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        return Session()
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])


def wait_until(condition, text):
    """Waits for something that shows only on the disk or in the process table."""
    until = time.monotonic() + LIMIT
    while not condition():
        check(time.monotonic() < until, f'waited in vain: {text}')
        select.select([], [], [], 0.005)


def daemon():
    """The process of the last daemon that was started."""
    return int(os.environ['FSD_PID'])


@contextlib.contextmanager
def stopped(pid):
    """Meanwhile the process does nothing; what is sent to it waits."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: process_state(pid) == 'T', 'the process to stop')
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def process_state(pid):
    """The letter for it in /proc; None when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rpartition(')')[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(pid=None):
    """
    The processes that the daemon, or another one, has forked and not yet waited for. The signer, which
    is there only when TLS is the model, does not count.
    """
    pid = pid or daemon()
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        found = {int(child) for child in file.read().split()}
    if os.environ.get('FSD_TRANSPORT') == 'tls':
        found = {child for child in found if not is_signer(child)}
    return found


def is_signer(pid):
    """Has this process locked itself in?"""
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as file:
            return 'Seccomp:\t2\n' in file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False


def has_ended(pid):
    """Is it gone, or only still to be waited for?"""
    return process_state(pid) in (None, 'Z')


def await_quiet(count):
    """Waits until the daemon has so many children, and itself waits for something to happen."""
    wait_until(lambda: len(children()) == count and process_state(daemon()) == 'S', f'{count} processes')


def no_zombies():
    """The daemon has waited for all children that have ended; of a busy one, wait_until() that."""
    return not any(has_ended(child) and child in children() for child in children())


def session_and_process():
    """A new session, and the process that serves only it."""
    before = children()
    session = Session()
    session.expect('LIST absent', 'EMPTY')
    new = children() - before
    check(len(new) == 1, f'new processes: {new}')
    return session, new.pop()


def is_busy(session):
    """Is a session turned away? Otherwise it can be used."""
    session.send_if_open('LIST absent\n')  # what was answered before the end is still there
    answer = session.line()
    if answer == 'EMPTY':
        return False
    check(answer and answer.startswith('FAIL busy'), f'neither busy nor served: {answer}')
    session.expect_cut()
    return True


def await_room(*arguments):
    """Waits until a session may begin, and returns it."""
    found = []

    def has_room():
        session = Session(*arguments)
        try:
            if session.ask('LIST absent') == 'EMPTY':
                found.append(session)
        except OSError:
            pass
        return found

    wait_until(has_room, 'room for a session')
    return found[0]


def descriptors(pid):
    """What a process has open: paths and the like, by numbers."""
    found = {}
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            found[int(fd)] = os.readlink(f'/proc/{pid}/fd/{fd}')
        except FileNotFoundError:
            pass
    return found


def log_lines(text):
    """The lines of the daemon's log that hold a text, without their time."""
    with open(os.environ['FSD_LOG'], encoding='utf-8') as file:
        return [re.sub('^time=[^ ]* ', '', line) for line in file if text in line]


def hang_up(answer='msg="settings read again"'):
    """Has the daemon read its settings again, and waits until it has logged the answer."""
    count = len(log_lines(answer))
    os.kill(daemon(), signal.SIGHUP)
    wait_until(lambda: len(log_lines(answer)) > count, answer)


def write_settings(text):
    """The configuration file of the daemon that is running becomes this text."""
    with open(os.environ['CONFIG'], 'w', encoding='utf-8') as file:
        file.write(text)


def reload_with(text):
    write_settings(text)
    hang_up()


def stop_daemon():
    """Asks the daemon to stop, and waits until it has heard that."""
    os.kill(daemon(), signal.SIGTERM)
    wait_until(lambda: not os.path.exists(SOCKET), 'the socket to go')


def stages():
    """The uploads on their way in."""
    return [path for path in glob.glob(LIBRARY + '/.fsd/stage/*/*')]


def remove_private_folder():
    """Removes .fsd, once the daemon has removed the names of what it has stored."""
    wait_until(lambda: not stages(), 'the stages to go')
    shutil.rmtree(LIBRARY + '/.fsd')


def read_file(name):
    with open(os.path.join(LIBRARY, name), 'rb') as file:
        return file.read()


def end_process(pid):
    """Ends a process that is no child of ours, and waits until it is gone."""
    handle = os.pidfd_open(pid)
    signal.pidfd_send_signal(handle, signal.SIGTERM)
    check(select.select([handle], [], [], LIMIT)[0], 'the process does not end')


def at_once(count, work):
    """Runs work(number) in so many threads, and returns what they return."""
    results = [None] * count
    failures = []

    def run(number):
        try:
            results[number] = work(number)
        except BaseException as failure:  # also that of check()
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, f'{failures[:1]}')
    return results
