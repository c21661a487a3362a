"""Runs a command on a pseudo-terminal. Takes JSON on standard input (command, columns, steps of [text to wait for, text to send]), and
prints JSON: the transcript, and the exit code."""
import fcntl, json, os, pty, select, struct, sys, termios, time

task = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(task["command"][0], task["command"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, task["columns"], 0, 0))

transcript = b""
seen = 0
steps = task["steps"]
# Far beyond what a busy machine takes.
deadline = time.time() + 90
while time.time() < deadline:
    while steps and steps[0][0].encode() in transcript[seen:]:
        seen = transcript.index(steps[0][0].encode(), seen) + len(steps[0][0])
        # Whoever asks needs a moment to listen.
        time.sleep(0.1)
        os.write(terminal, steps.pop(0)[1].encode())
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        if not chunk:
            break
        transcript += chunk
if time.time() >= deadline:
    os.kill(pid, 9)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
json.dump({"transcript": transcript.decode("utf8", "replace"), "code": code, "left": len(steps)}, sys.stdout)
