"""The table of settings, as fsd prints it, with what is right and wrong for each row.

All that a test has to know of a kind of setting stands in KINDS: a kind that is not there fails the
tests, and a new setting of a known kind is tested by itself.
"""
import os
import re
import subprocess

from session import check

FSD, CONFIG = os.environ['FSD'], os.environ['CONFIG']
ROW = re.compile(r'(?P<name>[][a-z_.]+), (?P<what>.+?)(?: from (?P<least>\w+) to (?P<most>\w+))?; '
                 r'(?:default (?P<default>.*?)|(?P<none>required|not set))(?:; read at the start only)?')
UNITS = {'': 1, 'ms': 1, 's': 1000, 'm': 60000, 'h': 3600000, 'd': 86400000,
         'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}
# A value of each type that libconfig knows.
SAMPLES = {'number': '7', 'bool': 'true', 'text': '"7"', 'group': '{ }', 'list': '("7")', 'array': '["7"]'}
def quoted(text):
    return f'"{text}"'


KEY = '"SHA256:' + 'A' * 43 + '"'
# What stands in a group of a list beside the setting that is tested; "user" takes the place of "group".
BESIDE = {'users[]': {'group': '"fsd"', 'rights': '"list"'},
          'clients[]': {'name': '"web1"', 'key': KEY, 'rights': '"list"'}}
MEMBERS = ['name', 'key', 'user', 'group', 'rights', 'folder']
EMPTY = os.environ['WORK'] + '/empty'
# Right values of settings for which those of their kind are not.
RIGHT = {
    'include': [quoted(EMPTY)],
    'stdio_folder': ['"x"', '"y \xe4/%c/%%"'],
    'stdio_client': ['"x"', '"web-1.example"'],
    'clients': [f'( {{ name = "web1"; key = {KEY}; rights = "list"; }}, '
                '{ name = "web1"; rights = ""; folder = "%c/"; } )'],
    'clients[].name': ['"x"', '"web-1.example"'],
}
# What the texts of a list begin with; a number follows.
TEXTS = {'limits.uncounted': '10.0.0.{}', 'clients[].key': 'SHA256:{:0>42}A'}


def texts(row, count):
    return ', '.join(quoted(TEXTS.get(row['name'], '/{}').format(number)) for number in range(count))


def number_of(text):
    digits = text.rstrip('mshdKMGT')
    return int(digits) * UNITS[text[len(digits):]]


def bounds(row, smallest_unit, form):
    """Values just beyond the bounds, and what is said of them."""
    for word, bound, number in (('small', row['least'], number_of(row['least']) - 1),
                                ('large', row['most'], number_of(row['most']) + 1)):
        side = 'least' if word == 'small' else 'most'
        if number >= 0 or not smallest_unit:
            text = f'{number}{smallest_unit}'
            yield form(text), f'{text} is too {word}: it must be at {side} {bound}'


def words_of(row):
    return row['what'].split(' of ')[1].split(', ')


def none_of(row, word):
    hint = ' (put spaces between them)' if ',' in word else ''
    return f'"{word}" is not one of ' + ', '.join(words_of(row)) + hint


DURATION = 'a duration in quotes, as in "30s", "5m" or "2h"'
SIZE = 'a size in quotes, as in "512K", "64M" or "10G"'
MODE = 'a mode in quotes, as in "0640"'
# Kind: what it has to be, the types that it is written in, values that are refused with what is
# said of them, values that are right, and how a default is written.
KINDS = {
    'a string': (
        'a string in quotes', {'text'}, lambda row: [], lambda row: ['"x"', '"y \xe4"'], quoted),
    'a list of groups': (
        'a list of groups, ( { ... }, { ... } )', {'list'}, lambda row: [('()', 'the list is empty')],
        lambda row: ['( { group = "fsd"; rights = "list"; }, { user = "x"; rights = ""; folder = "y/"; } )'], str),
    'a path': (
        'an absolute path in quotes', {'text'},
        lambda row: [(quoted(text), f'"{text}" is not an absolute path') for text in ('x', './x', '~')],
        lambda row: ['"/x y/\xe4"', '"/"'], quoted),
    'a path or one of': (
        'an absolute path in quotes', {'text'},
        lambda row: [(quoted(text), none_of(row, text) + ', or an absolute path') for text in ('', 'x', './x', 'Auto')],
        lambda row: [quoted(text) for text in [*words_of(row), '/x y/\xe4']], quoted),
    'a string or a list of them': (
        'a string in quotes, or a list of them', {'text', 'list', 'array'},
        lambda row: [('()', 'the list is empty'), ('[]', 'the list is empty'),
                     (f'({texts(row, 17)})', 'there can be at most 16'),
                     (f'({texts(row, 1)}, 7)', 'must be a string in quotes, or a list of them'),
                     ('[7]', 'must be a string in quotes, or a list of them')],
        lambda row: [texts(row, 1), f'[{texts(row, 2)}]'], quoted),
    'one of': (
        'a word in quotes', {'text'},
        lambda row: [(quoted(word), none_of(row, word)) for word in ('', 'x', words_of(row)[0] + ' ')],
        lambda row: [quoted(word) for word in words_of(row)], quoted),
    'any of': (
        'words in quotes, with spaces between', {'text'},
        lambda row: [(quoted(text), none_of(row, 'x')) for text in ('x', f'{words_of(row)[0]} x')] +
                    [(quoted(words_of(row)[0] + ',x'), none_of(row, words_of(row)[0] + ',x'))],
        lambda row: ['""', quoted(words_of(row)[-1]), quoted(' '.join(words_of(row)))], quoted),
    'true or false': (
        'true or false', {'bool'}, lambda row: [], lambda row: ['true', 'false'], str),
    'a number': (
        'a number', {'number'}, lambda row: bounds(row, '', str),
        lambda row: [row['least'], row['most']], str),
    'a duration': (
        DURATION, {'text'},
        lambda row: [*bounds(row, 'ms', quoted), *(
            (quoted(text), f'"{text}" is not {DURATION}')
            for text in ('', '5', 's', '5 s', '-5s', '05s', '1.5s', '5S', '1h30m', '99999999999999999999s'))],
        lambda row: [quoted(row['least']), quoted(row['most'])], quoted),
    'a size': (
        SIZE, {'text'},
        lambda row: [*bounds(row, '', quoted), *(
            (quoted(text), f'"{text}" is not {SIZE}')
            for text in ('', 'M', '5 M', '-5M', '05M', '1.5G', '5m', '5MB', '99999999999999999999'))],
        lambda row: [quoted(row['least']), quoted(row['most'])], quoted),
    'a mode': (
        MODE, {'text'},
        lambda row: [(quoted(text), f'"{text}" is not {MODE}')
                     for text in ('', '640', '1640', '0680', '00640', 'rw-r--r--', '-640')],
        lambda row: ['"0000"', '"0640"', '"0777"'], quoted),
}


def rows():
    os.makedirs(EMPTY, exist_ok=True)
    text = subprocess.run([FSD, '--print-settings'], check=True, capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if not line.startswith(' ')]
    check(len(lines) >= 21, 'the table is short')
    for line in lines:
        match = ROW.fullmatch(line)
        check(match, f'what is this: {line}')
        row = match.groupdict()
        kind = re.sub(r'((?:one|any) of) .*', r'\1', row['what'])
        check(kind in KINDS, f'a kind that this test does not know: {kind}')
        must_be, types, wrong, right, form = KINDS[kind]
        row.update(kind=kind, must_be=must_be, types=types, wrong=list(wrong(row)), right=right(row), form=form)
        row['right'] = RIGHT.get(row['name'], row['right'])
        yield row


def run(*options):
    done = subprocess.run([FSD, '--config', CONFIG, *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout, done.stderr


def is_member(row):
    """Is it one of a list of groups, as "users[].rights"?"""
    return '[]' in row['name']


def beside(group, last):
    return {name: value for name, value in BESIDE[group.lower()].items() if name not in (last, {'user': 'group'}.get(last))}


def write(row, *values, name=None):
    """Writes a configuration with one setting; returns its line, and its name as faults tell it."""
    name = name or row['name']
    group, _, last = name.rpartition('.')
    text = ''.join(f'  {last} = {value};\n' for value in values)
    if is_member(row):
        more = ''.join(f'{other} = {value};\n' for other, value in beside(group, last).items())
        text = f'{group[:-2]} = ( {{\n{text}{more}}} );\n'
    elif group:
        text = f'{group} = {{\n{text}}};\n'
    with open(CONFIG, 'w', encoding='utf-8') as file:
        file.write('\n' + text)
    return 3 if group else 2, name.replace('[]', '[0]')


def shown(row, value):
    """What --print-config prints for what write() has written: the setting, its value and its line."""
    group, _, last = row['name'].rpartition('.')
    if not is_member(row):
        return row['name'], value, 3 if group else 2
    members = {**beside(group, last), last: value}
    names = sorted(members, key=MEMBERS.index)
    return group[:-2], '( { ' + ' '.join(f'{name} = {members[name]};' for name in names) + ' } )', 2


def expect_refusal(sentence, *options, meant=''):
    result = run(*options)
    # In a list of groups, a name is that of a member.
    if meant and result[2] in (f'fsd: {sentence}; did you mean {name}?\n' for name in (meant, meant.split('.')[-1])):
        return
    check(result == (2, '', f'fsd: {sentence}\n'), f'expected {sentence!r}, got {result}')


def in_force(*options):
    """What --print-config tells: of each setting its value and origin."""
    code, text, errors = run('--print-config', *options)
    check(code == 0 and not errors, f'{options}: {errors}')
    found, group = {}, ''
    # A list of several groups has each on a line of its own, with its own origin.
    text = re.sub(r'^    (\{ .* \},?) # .*\n', r'\1 ', text, flags=re.MULTILINE).replace(' = (\n', ' = ( ')
    for line in text.splitlines():
        if line.endswith(' = {'):
            group = line[:-4] + '.'
        elif line == '};':
            group = ''
        else:
            indented = '    ' if group else ''
            match = re.fullmatch(indented + r'(#?)([a-z_]+) = (.*?)(?:; # (.*))?', line)
            check(match and (not match[1] or match[3] == 'not set' or match[2] == 'include'), f'what is this: {line}')
            found[group + match[2]] = (match[3], match[4])
    return found


LIBRARY_OPTION = ['--library', '/x']


def options_for(row):
    return [] if row['name'] == 'library' else LIBRARY_OPTION
