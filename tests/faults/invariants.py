"""What must be true of a library whatever happens to the machine, the daemon or the client."""
import contextlib
import hashlib
import os
import re
import stat

RECORD = re.compile(r'digest=(\S+) size=(\d+) mtime=(\d+)(?:\.(\d+))? by=\S+( upload=[0-9a-f]{32})?$')


def digest_of(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def visible_files(library):
    """All that a client may see: pairs of a name and a path."""
    folders = ['']
    while folders:
        folder = folders.pop()
        entries = ()
        with contextlib.suppress(FileNotFoundError):  # it has vanished with its last file
            entries = list(os.scandir(os.path.join(library, folder)))
        for entry in entries:
            if entry.name.startswith('.fsd'):
                continue
            name = folder + entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(name + '/')
            else:
                yield name, entry.path


def stages(library):
    """The uploads on their way in, or left there."""
    return [os.path.join(folder, file) for folder, _, files in os.walk(library + '/.fsd/stage')
            for file in files]


def empty_folders(library):
    """Those that a client may see, though there is no file below them."""
    return [folder for folder, folders, files in os.walk(library)
            if not folders and not files and not folder.startswith(library + '/.fsd')
            and folder != library]


def record_fault(file, digest):
    """What is wrong with the record of an open file that has this digest; None when nothing is."""
    status = os.fstat(file.fileno())
    try:
        record = RECORD.match(os.getxattr(file.fileno(), 'user.fsd').decode())
    except OSError as error:
        return f'no record: {error.strerror}'
    if not record or record[1] != digest or int(record[2]) != status.st_size:
        return 'another record'
    if int(record[3]) * 10**9 + int((record[4] or '').ljust(9, '0')) != status.st_mtime_ns:
        return 'a record of another time'
    return 'it can be written to' if status.st_mode & 0o222 else None


class Findings:
    """What a look at a library finds; each list holds texts."""

    def __init__(self):
        self.lost = []  # acknowledged, and not there as it was
        self.torn = []  # visible, and not whole
        self.strange = []  # nobody has put it there

    def __bool__(self):
        return bool(self.lost or self.torn or self.strange)

    def add(self, other, where=''):
        for kind in vars(self):
            getattr(self, kind).extend(where + text for text in getattr(other, kind))

    def all(self):
        return self.lost + self.torn + self.strange

    def __str__(self):
        return ', '.join(f'{len(texts)} {kind}' for kind, texts in vars(self).items())


def examine(library, sent, stored, records=True):
    """
    `sent` has for each name the digests that clients have tried to store under it, `stored` for
    each name that a client was told to be stored those that it may have. Files may be replaced and
    deleted meanwhile.
    """
    findings = Findings()
    found = {}
    for name, path in visible_files(library):
        with contextlib.suppress(FileNotFoundError):
            if name not in sent or not stat.S_ISREG(os.lstat(path).st_mode):
                findings.strange.append(name)
                continue
            with open(path, 'rb') as file:
                data = file.read()
                fault = records and record_fault(file, digest_of(data))
            found[name] = digest_of(data)
            if found[name] not in sent[name]:
                findings.torn.append(f'{name}: {len(data)} bytes that nobody sent')
            elif fault:
                findings.torn.append(f'{name}: {fault}')
    for name, digests in stored.items():
        if found.get(name) not in digests:
            findings.lost.append(f'{name}: {found.get(name, "absent")}')
    return findings
