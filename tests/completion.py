"""A bash on a terminal of its own, in which tests/completion.bats presses TAB.

    FSD_BUILD   the folder of fsc and fsd
    WORK        a private folder, the shell's home and working folder
"""
import os
import pty
import re
import select
import shutil
import sys
import time

LIMIT = 60  # seconds to wait for a shell
PROMPT = b'<ready>'
TESTS = os.path.dirname(os.path.abspath(__file__))
WORK = os.environ['WORK']

# fsc and fsd are functions that report their arguments; \C-xl reports the line.
START = r'''
PS1='<ready>' PS2='<more>'
unset HISTFILE
fsc() { printf 'A%s\0' "$@" >&"$REPORT"; printf 'E\0' >&"$REPORT"; }
fsd() { fsc "$@"; }
report_line() { printf 'L%s\0' "$READLINE_LINE" >&"$REPORT"; }
bind -x '"\C-xl": report_line'
bind 'set bell-style none' 'set enable-bracketed-paste off' 'set page-completions off'
bind 'set completion-query-items 0'
source "$COMPLETIONS/fsc"
source "$COMPLETIONS/fsd"
'''


class Shell:
    """An interactive bash, which runs the commands in `start` before the first prompt."""

    def __init__(self, start='', **environment):
        report, write = os.pipe()
        with open(os.path.join(WORK, 'start'), 'w') as file:
            file.write(START + start)
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.set_inheritable(write, True)
            os.chdir(WORK)
            os.environ.update(HOME=WORK, TERM='dumb', INPUTRC='/dev/null', REPORT=str(write),
                              COMPLETIONS=os.path.join(TESTS, '..', 'completions'),
                              PATH=os.environ['FSD_BUILD'] + ':' + os.environ['PATH'])
            for name, value in environment.items():
                os.environ[name] = value
            os.execlp('bash', 'bash', '--noprofile', '--rcfile', 'start', '-i')
        os.close(write)
        self.report = report
        self.shown = b''  # on the terminal since the last key
        self.reports = b''
        self.await_shown(PROMPT)

    def read(self):
        """Waits for output on the terminal or a report, and reads it."""
        ready = select.select([self.terminal, self.report], [], [], LIMIT)[0]
        if not ready:
            sys.exit('the shell is silent after %r' % self.shown)
        if self.terminal in ready:
            self.shown += os.read(self.terminal, 65536)
        if self.report in ready:
            self.reports += os.read(self.report, 65536)

    def await_shown(self, text):
        while text not in self.shown:
            self.read()

    def next_report(self):
        while b'\0' not in self.reports:
            self.read()
        text, _, self.reports = self.reports.partition(b'\0')
        return text.decode()

    def press(self, keys):
        """Types keys, such as TAB. Returns the line afterwards."""
        self.shown = b''
        os.write(self.terminal, keys.encode() + b'\x18l')
        return self.next_report()[1:]

    def enter(self):
        """Runs the line. Returns the arguments that fsc gets."""
        self.shown = b''
        os.write(self.terminal, b'\r')
        arguments = []
        while (report := self.next_report()) != 'E':
            arguments.append(report[1:])
        self.await_shown(PROMPT)
        return arguments

    def clear(self):
        """Drops the line."""
        os.write(self.terminal, b'\5\x15')

    def line(self, keys):
        """Types keys and clears the line. Returns the line that they led to."""
        line = self.press(keys)
        self.clear()
        return line

    def run(self, keys):
        """Types keys and runs the line. Returns the arguments that fsc gets."""
        self.press(keys)
        return self.enter()

    def close(self):
        os.close(self.terminal)  # hangs up
        os.waitpid(self.process, 0)
        os.close(self.report)


def expect(found, wanted, of=''):
    if found != wanted:
        sys.exit('%s%r instead of %r' % (of and '%r: ' % of, found, wanted))


def expect_soon(find, keys, wanted):
    """
    Tries again: a busy machine may not answer in the second that TAB waits, and then the server is not
    asked for some more, which a file in the cache says.
    """
    for _ in range(5):
        found = find(keys + '\t')
        if found == wanted:
            return
        for folder, _, files in os.walk(os.path.join(WORK, '.cache')):
            for file in files:
                os.utime(os.path.join(folder, file), (0, 0))
    expect(found, wanted, keys)


def expect_lines(shell, cases):
    """cases: what is typed, and the line after TAB; None for no change."""
    for typed, wanted in cases:
        expect_soon(shell.line, typed, typed if wanted is None else wanted)


def expect_run(shell, cases):
    """cases: what is typed before TAB, and the arguments that fsc gets."""
    for typed, wanted in cases:
        expect_soon(shell.run, typed, wanted)


def store(*names):
    """Makes files in the library by hand."""
    for name in names:
        path = os.path.join(os.environ['LIBRARY'], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, 'w').close()


def seconds(function, *arguments):
    before = time.monotonic()
    function(*arguments)
    return time.monotonic() - before


def await_true(condition):
    before = time.monotonic()
    while not condition():
        if time.monotonic() > before + LIMIT:
            sys.exit('waited in vain')
        time.sleep(0.01)


def typed_in_all_quotes(text):
    """The ways to type a text up to TAB."""
    double = re.sub(r'([$`"\\])', r'\\\1', text)
    single = text.replace("'", "'\\''")
    ansi = text.replace('\\', '\\\\').replace("'", """'"'"$'""")
    yield re.sub(r'([^\w/])', r'\\\1', text)
    yield '"' + double
    yield "'" + single
    yield "$'" + ansi
    yield '"%s"' % double
    yield "'%s'" % single
    yield "$'%s'" % ansi
    yield '\\%s"%s"%s' % (text[0], text[1:2], re.sub(r'([^\w/])', r'\\\1', text[2:]))


# Unquoted, each would do something to the line; some would make a file "canary".
HOSTILE = [
    'a b', '  lead', "it's", "'", "''x'", 'say "hi"', '"', 'a"', "q'", '$HOME', '$(touch canary)',
    '`touch canary`', '${x:=canary}', 'x;touch canary', 'x&touch canary&', 'x|touch canary',
    'x>canary', '>canary', '<(touch canary)', '*', 'a?[b]*', '[a]', '{a,b}', '~', '~root', '!!',
    'bang!', '!touch', '\\', 'back\\slash', 'end\\', '#hash', 'a=b', 'a:b', ':', '=', '%41', '^a^b',
    'größe €', '日本語', '-', '-rf', '--output=canary', "a'$(touch canary)'", 'a"$(touch canary)"',
    "$'\\x41'", 'a\\\'`touch canary`"!x', "!'\"!", '(touch canary)', '\u3000', 'x\\',
]
