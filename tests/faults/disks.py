"""Disk images, loop devices and mounts, all in a namespace of our own that takes them with it."""
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2  # from sys/mount.h
BLKFLSBUF = 0x1261  # from linux/fs.h
BTRFS_IOC_FORGET_DEV = 0x50009405  # from linux/btrfs.h
MIB = 1024 * 1024

# How a file system is made, how large its image is, and how it is mounted.
SYSTEMS = {
    'ext4': (['mkfs.ext4', '-q', '-b', '4096', '-J', 'size=4'], 24 * MIB, b''),
    'xfs': (['mkfs.xfs', '-q', '-f'], 300 * MIB, b'nouuid'),
    'btrfs': (['mkfs.btrfs', '-q', '-f', '-m', 'single'], 128 * MIB, b''),
}


def enter_namespace():
    """
    Runs the program again where all of its mounts, processes and files in memory end with it, however
    it ends; loop devices end with their last user. Returns why that cannot be, or None when it is so.
    """
    # The parent of the first process in a namespace is none that it can see.
    if os.environ.get('FSD_NAMESPACE') and os.getppid() == 0:
        begin_in_namespace()
        return None
    if os.getuid() != 0:
        return 'mounting needs root'
    command = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
    if subprocess.run([*command, 'mount', '-t', 'tmpfs', 'tmpfs', '/dev/shm'],
                      stderr=subprocess.DEVNULL, check=False).returncode:
        return 'no namespace with mounts of its own can be had here'
    os.execvpe(command[0], [*command, sys.executable, *sys.argv],
               {**os.environ, 'FSD_NAMESPACE': 'yes'})


def begin_in_namespace():
    """Here nothing is to be cleaned up when a signal ends us: it is enough to end at once."""
    mount('tmpfs', '/dev/shm', 'tmpfs')
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _frame: os._exit(128 + number))


def mount(device, folder, system, options=b''):
    if libc.mount(device.encode(), folder.encode(), system.encode(), 0, options):
        raise OSError(ctypes.get_errno(), f'cannot mount {system}')


def unmount(folder, flags=0):
    if libc.umount2(folder.encode(), flags):
        raise OSError(ctypes.get_errno(), f'cannot unmount {folder}')


@contextlib.contextmanager
def mounted(device, folder, system):
    mount(device.path, folder, system, SYSTEMS[system][2])
    try:
        yield folder
    except BaseException:
        # What failed may still use it.
        unmount(folder, MNT_DETACH)
        raise
    unmount(folder)
    device.forget()


class Loop:
    """A loop device over a file. It is gone when the last descriptor of it is, ours or a mount's."""

    def __init__(self, file):
        self.path = subprocess.run(['losetup', '--find', '--show', file], check=True,
                                   stdout=subprocess.PIPE, text=True).stdout.strip()
        self.fd = os.open(self.path, os.O_RDWR)
        subprocess.run(['losetup', '--detach', self.path], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def forget(self):
        """Drops what the kernel remembers of the content, for the file will have another one."""
        fcntl.ioctl(self.fd, BLKFLSBUF)
        # btrfs would take an older state for a device that has been left behind.
        with contextlib.suppress(OSError), open('/dev/btrfs-control', 'rb') as control:
            fcntl.ioctl(control, BTRFS_IOC_FORGET_DEV,
                        bytearray(bytes(8) + self.path.encode().ljust(4088, b'\0')))


def make_image(path, system):
    """Makes an empty file system in a sparse file."""
    command, size, _ = SYSTEMS[system]
    with open(path, 'wb') as file:
        file.truncate(size)
    subprocess.run([*command, path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['fallocate', '--dig-holes', path], check=True)


def copy_image(source, target):
    """Makes one descriptor's file a copy of another's, holes and all."""
    size = os.fstat(source).st_size
    os.ftruncate(target, 0)
    os.ftruncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:  # nothing but a hole
            return
        end = os.lseek(source, at, os.SEEK_HOLE)
        while at < end:
            at += os.pwrite(target, os.pread(source, min(end - at, MIB), at), at)


def missing_for(systems):
    """What is missing for images of these file systems; None when nothing is."""
    for program in ('losetup', 'unshare', *(SYSTEMS[system][0][0] for system in systems)):
        if not shutil.which(program):
            return f'there is no {program}'
    with open('/proc/filesystems', encoding='ascii') as file:
        known = file.read().split()
    for system in systems:
        if system not in known and os.system(f'modprobe -q {system} 2>/dev/null'):
            return f'the kernel has no {system}'
    return None if os.path.exists('/dev/loop-control') else 'there are no loop devices'
