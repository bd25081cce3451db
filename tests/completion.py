"""A bash on a terminal of its own, whose TAB key the tests press. tests/completion.bats uses it.

    FSD_BUILD   where fsc and fsd are
    WORK        a private folder: home and working folder of the shell
"""
import os
import pty
import re
import select
import shutil
import sys
import time

LIMIT = 60  # seconds that a shell may let us wait
PROMPT = b'<ready>'
TESTS = os.path.dirname(os.path.abspath(__file__))
WORK = os.environ['WORK']

# fsc and fsd are functions that tell their arguments, and \C-xl tells the line as it stands.
START = r'''
PS1='<ready>' PS2='<more>'
unset HISTFILE
fsc() { printf 'A%s\0' "$@" >&"$REPORT"; printf 'E\0' >&"$REPORT"; }
fsd() { fsc "$@"; }
tell_line() { printf 'L%s\0' "$READLINE_LINE" >&"$REPORT"; }
bind -x '"\C-xl": tell_line'
bind 'set bell-style none' 'set enable-bracketed-paste off' 'set page-completions off'
bind 'set completion-query-items 0'
source "$COMPLETIONS/fsc"
source "$COMPLETIONS/fsd"
'''


class Shell:
    """An interactive bash. `start` are commands that it runs before the first prompt."""

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
        self.told = b''
        self.await_shown(PROMPT)

    def read(self):
        """Reads what has come, from the terminal or by a report."""
        ready = select.select([self.terminal, self.report], [], [], LIMIT)[0]
        if not ready:
            sys.exit('the shell says no more: %r' % self.shown)
        if self.terminal in ready:
            self.shown += os.read(self.terminal, 65536)
        if self.report in ready:
            self.told += os.read(self.report, 65536)

    def await_shown(self, text):
        while text not in self.shown:
            self.read()

    def next_told(self):
        while b'\0' not in self.told:
            self.read()
        text, _, self.told = self.told.partition(b'\0')
        return text.decode()

    def press(self, keys):
        """Types keys, TABs among them. Returns the line as it stands then."""
        self.shown = b''
        os.write(self.terminal, keys.encode() + b'\x18l')
        return self.next_told()[1:]

    def enter(self):
        """Lets bash run the line. Returns the arguments that fsc gets."""
        self.shown = b''
        os.write(self.terminal, b'\r')
        arguments = []
        while (told := self.next_told()) != 'E':
            arguments.append(told[1:])
        self.await_shown(PROMPT)
        return arguments

    def clear(self):
        """Drops the line."""
        os.write(self.terminal, b'\5\x15')

    def line(self, keys):
        """The line that keys lead to, and no more."""
        line = self.press(keys)
        self.clear()
        return line

    def run(self, keys):
        """The arguments that fsc gets of the line that keys lead to."""
        self.press(keys)
        return self.enter()

    def close(self):
        os.close(self.terminal)  # which hangs up
        os.waitpid(self.process, 0)
        os.close(self.report)


def expect(found, wanted, of=''):
    if found != wanted:
        sys.exit('%s%r instead of %r' % (of and '%r: ' % of, found, wanted))


def expect_lines(shell, cases):
    """cases: what is typed, and what TAB makes of it; None for nothing."""
    for typed, wanted in cases:
        expect(shell.line(typed + '\t'), typed if wanted is None else wanted, typed)


def expect_run(shell, cases):
    """cases: what is typed up to TAB, and the arguments that fsc gets then."""
    for typed, wanted in cases:
        expect(shell.run(typed + '\t'), wanted, typed)


def store(*names):
    """Puts files into the library by hand."""
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
            sys.exit('it never comes true')
        time.sleep(0.01)


def typed_in_all_quotes(text):
    """A text as people may type it, so that TAB has something to do at its end."""
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


# Each would do something where it is not quoted; "canary" is what it would make.
HOSTILE = [
    'a b', '  lead', "it's", "'", "''x'", 'say "hi"', '"', 'a"', "q'", '$HOME', '$(touch canary)',
    '`touch canary`', '${x:=canary}', 'x;touch canary', 'x&touch canary&', 'x|touch canary',
    'x>canary', '>canary', '<(touch canary)', '*', 'a?[b]*', '[a]', '{a,b}', '~', '~root', '!!',
    'bang!', '!touch', '\\', 'back\\slash', 'end\\', '#hash', 'a=b', 'a:b', ':', '=', '%41', '^a^b',
    'größe €', '日本語', '-', '-rf', '--output=canary', "a'$(touch canary)'", 'a"$(touch canary)"',
    "$'\\x41'", 'a\\\'`touch canary`"!x', "!'\"!", '(touch canary)', '\u3000', 'x\\',
]
