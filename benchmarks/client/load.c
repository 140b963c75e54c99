/* The load client: many WebSocket connections in one process, one epoll, one clock.

   It reads commands from stdin, one a line, and answers each with one line of JSON on stdout. What goes wrong ends it
   with a text on stderr. Connections are numbered from 0; number i is in room i % rooms.

     connect PORTS PATH TOKENS FIRST COUNT   PORTS with commas, in turn; TOKENS: a file, a token a line, or "-" for none
     join PREFIX ROOMS COUNT                 the first COUNT connections join PREFIX-0, PREFIX-1, ...
     closed IN_FLIGHT SECONDS SIZE           each sender sends its next message when its last one was acknowledged
     whole IN_FLIGHT SECONDS SIZE            ... when it was acknowledged and every member has it
     open RATE SECONDS SIZE                  RATE messages a second by the clock, whatever the server does
     ask TIMES ANSWER JSON                   connection 0 sends JSON, each time after a frame with ANSWER near its start
     quiet MS                                waits until no frame came for MS milliseconds
     stall PORT PATH TOKENS NUMBER ROOM      one more connection, not numbered, that joins and then reads no more
     hangup                                  reads what is left there; tells whether the server closed it
     close                                   every second connection with a close frame, the others without one

   Every message carries its number in the run. Each member's messages are compared with the order in which the room's
   first reader got them, so a message that is lost, doubled or out of order for anybody ends the run. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define IN_BYTES (8 << 20)
#define READ_BYTES (256 << 10)
#define LINE_BYTES 16384
#define TOGETHER 20       /* connections that sign in or join at the same time */
#define SILENCE_S 30      /* without progress: something was lost */
#define HANGUP_S 12       /* more than twice what a server gives a slow reader to take its close frame */
#define STEPS 128         /* of one octave of the histogram: values are exact to 0.8 % */
#define SMALL_SEGMENT_BYTES 536 /* with a small buffer, else the kernel alone holds megabytes for a slow reader */
#define SMALL_BUFFER_BYTES 4096

enum loop { OPEN, CLOSED, WHOLE };
struct histogram { uint64_t counts[64 * STEPS], count; int64_t max; };
struct room { char name[80]; uint32_t *order, heard, capacity, sent, members; };
struct message { int64_t sent_ns; struct connection *sender; uint32_t left; bool seen; }; /* left: ack and members */
struct connection {
    int fd, number;
    bool upgraded, lost;
    uint32_t heard;
    struct room *room; /* where it is counted as a member */
    char *rest, *token;
    size_t rest_bytes, mark_at;
    const char *awaited;
    int64_t asked_ns;
};

static struct connection **all, *stalled;
static struct room *rooms;
static uint32_t count, room_count, waiting;
static int epoll_fd, timer_fd;
static bool command_ready, closing;
static char *in, *path;
static int64_t now_ns, last_frame_ns, progress_ns, quiet_ns;
static struct histogram delivery, acked, answered;

/* The run that is under way; its messages by number. */
static struct { struct message *messages; uint32_t capacity, first_id, sent, acked, total; uint64_t delivered, expected, frames;
    int64_t start_ns, end_ns, interval_ns, last_ns, late_ns, cpu_ns; int size; enum loop loop; } run;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static int64_t clock_ns(clockid_t id) {
    struct timespec time;
    clock_gettime(id, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void *grown(void *old, size_t bytes) {
    void *found = realloc(old, bytes);
    if (!found) die("no memory for %zu bytes", bytes);
    return found;
}

/* --- Percentiles ------------------------------------------------------------------------------------------------- */
static void note(struct histogram *h, int64_t ns) {
    uint64_t value = ns < 1 ? 1 : (uint64_t)ns;
    int octave = 63 - __builtin_clzll(value);
    uint64_t step = octave < 7 ? value - (1ULL << octave) : (value >> (octave - 7)) - STEPS;
    h->counts[octave * STEPS + step]++;
    h->count++;
    if (ns > h->max) h->max = ns;
}

static double percentile_ms(const struct histogram *h, double share) {
    uint64_t rank = (uint64_t)(share * h->count), seen = 0;
    for (int i = 0; i < 64 * STEPS; i++) {
        if ((seen += h->counts[i]) <= rank) continue;
        int octave = i / STEPS;
        double width = octave < 7 ? 1 : (double)(1ULL << (octave - 7));
        return ((double)(1ULL << octave) + (i % STEPS + 0.5) * width) / 1e6;
    }
    return h->max / 1e6;
}

static void print_percentiles(const char *name, const struct histogram *h) {
    if (!h->count) return;
    printf("\"%sp50_ms\": %.4f, \"%sp99_ms\": %.4f, \"%smax_ms\": %.4f, ", name, percentile_ms(h, 0.5), name,
           percentile_ms(h, 0.99), name, h->max / 1e6);
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */
static void write_all(struct connection *c, const char *bytes, size_t size) {
    ssize_t done = send(c->fd, bytes, size, MSG_NOSIGNAL);
    if (done != (ssize_t)size && !closing && c != stalled)
        die("connection %d takes no more: %s", c->number, done < 0 ? strerror(errno) : "its buffer is full");
}

/* Clients must mask; a mask of zeros leaves the payload as it is. */
static void send_frame(struct connection *c, int opcode, const char *payload, size_t size) {
    static char out[LINE_BYTES + 16];
    size_t at = 0;
    if (size > LINE_BYTES) die("a frame of %zu bytes is too long", size);
    out[at++] = (char)(0x80 | opcode);
    if (size < 126) out[at++] = (char)(0x80 | size);
    else {
        out[at++] = (char)(0x80 | 126);
        out[at++] = (char)(size >> 8);
        out[at++] = (char)size;
    }
    memset(out + at, 0, 4);
    memcpy(out + at + 4, payload, size);
    write_all(c, out, at + 4 + size);
}

static void ask(struct connection *c, const char *answer, const char *format, ...) {
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    c->awaited = answer;
    c->asked_ns = clock_ns(CLOCK_MONOTONIC);
    waiting++;
    send_frame(c, 1, text, (size_t)size);
}

/* A message of the run; latency counts from `sent_ns`, which in an open loop is when it should have been sent. */
static void say(struct connection *c, int64_t sent_ns) {
    static char text[LINE_BYTES], filling[LINE_BYTES];
    uint32_t number = run.sent++;
    if (number >= run.capacity) {
        run.capacity = run.capacity ? run.capacity * 2 : 65536;
        run.messages = grown(run.messages, run.capacity * sizeof *run.messages);
    }
    if (!filling[0]) memset(filling, 'x', sizeof filling - 1);
    run.messages[number] = (struct message){sent_ns, c, c->room->members + 1, false};
    run.expected += c->room->members;
    c->room->sent++;
    int size = snprintf(text, sizeof text,
        "{\"type\":\"chat-message\",\"id\":\"%u\",\"roomId\":\"%s\",\"content\":\"~n%08u %.*s\"}",
        run.first_id + number, c->room->name, number, run.size - 11, filling);
    send_frame(c, 1, text, (size_t)size);
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */
static bool starts(const char *payload, size_t size, const char *with) {
    size_t length = strlen(with);
    return size >= length && !memcmp(payload, with, length);
}

static void arrived(struct message *message, struct histogram *times) {
    note(times, now_ns - message->sent_ns);
    message->left--;
    if (run.loop == WHOLE ? message->left > 0 : run.loop == OPEN || times != &acked) return;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now < run.end_ns) say(message->sender, now);
}

static void hear(struct connection *c, const char *mark) {
    uint32_t number = (uint32_t)strtoul(mark + 2, NULL, 10);
    struct room *room = c->room;
    if (c->heard == room->heard) {
        if (number >= run.sent || run.messages[number].seen) die("connection %d got message %u twice", c->number, number);
        run.messages[number].seen = true;
        if (room->heard == room->capacity) {
            room->capacity = room->capacity ? room->capacity * 2 : 256;
            room->order = grown(room->order, room->capacity * sizeof *room->order);
        }
        room->order[room->heard++] = number;
    } else if (room->order[c->heard] != number) {
        die("connection %d got message %u where others got %u", c->number, number, room->order[c->heard]);
    }
    c->heard++;
    run.delivered++;
    run.last_ns = progress_ns = now_ns;
    arrived(&run.messages[number], &delivery);
}

static void hear_frame(struct connection *c, const char *payload, size_t size) {
    run.frames++;
    if (c->mark_at + 2 < size && !memcmp(payload + c->mark_at, "~n", 2)) {
        hear(c, payload + c->mark_at);
        return;
    }
    const char *mark = memmem(payload, size, "~n", 2);
    if (!mark) die("a message of somebody else: %.*s", (int)(size < 300 ? size : 300), payload);
    c->mark_at = (size_t)(mark - payload);
    hear(c, mark);
}

static void hear_batch(struct connection *c, const char *payload, size_t size) {
    const char *end = payload + size;
    run.frames++;
    while ((payload = memmem(payload, (size_t)(end - payload), "~n", 2))) hear(c, payload++);
}

static void acknowledged(const char *payload, size_t size) {
    const char *id = memmem(payload, size, "\"id\":\"", 6);
    if (!id) return;
    uint32_t number = (uint32_t)strtoul(id + 6, NULL, 10) - run.first_id;
    if (number >= run.sent) die("an ack of what was not sent: %.*s", (int)size, payload);
    run.acked++;
    arrived(&run.messages[number], &acked);
}

static void lost(struct connection *c) {
    if (!closing && c != stalled) die("the server closed connection %d", c->number);
    c->lost = true;
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

static void take_frame(struct connection *c, int opcode, const char *payload, size_t size) {
    last_frame_ns = now_ns;
    if (opcode == 0x9) send_frame(c, 0xA, payload, size);
    else if (opcode == 0x8) lost(c);
    else if (c->room && starts(payload, size, "{\"type\":\"chat-message\"")) hear_frame(c, payload, size);
    else if (c->room && starts(payload, size, "{\"type\":\"message-batch\"")) hear_batch(c, payload, size);
    else if (starts(payload, size, "{\"type\":\"ack\"")) acknowledged(payload, size);
    else if (starts(payload, size, "{\"type\":\"error\"")) die("refused: %.*s", (int)size, payload);
    if (c->awaited && memmem(payload, size < 60 ? size : 60, c->awaited, strlen(c->awaited))) {
        c->awaited = NULL;
        waiting--;
        progress_ns = now_ns;
        note(&answered, now_ns - c->asked_ns);
    }
}

static size_t take_upgrade(struct connection *c, const char *bytes, size_t size) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!starts(bytes, size, "HTTP/1.1 101")) die("no upgrade: %.*s", (int)(end - bytes), bytes);
    c->upgraded = true;
    waiting--;
    ask(c, "\"auth-success\"", "{\"type\":\"auth\",\"token\":\"%s\"}", c->token);
    return (size_t)(end + 4 - bytes);
}

/* Takes the whole frames in these bytes; answers how many bytes they were. */
static size_t take_frames(struct connection *c, const unsigned char *bytes, size_t size) {
    size_t at = c->upgraded ? 0 : take_upgrade(c, (const char *)bytes, size);
    while (c->upgraded && !c->lost && size - at >= 2) {
        size_t length = bytes[at + 1], start = at + 2, wide = length == 126 ? 2 : length == 127 ? 8 : 0;
        if (size - start < wide) break;
        if (wide) length = 0;
        for (size_t i = 0; i < wide; i++) length = length << 8 | bytes[start + i];
        start += wide;
        if (size - start < length) break;
        take_frame(c, bytes[at] & 0xF, (const char *)bytes + start, length);
        at = start + length;
    }
    return at;
}

static void receive(struct connection *c) {
    if (c->rest_bytes) memcpy(in, c->rest, c->rest_bytes);
    ssize_t got = recv(c->fd, in + c->rest_bytes, READ_BYTES, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        lost(c);
        return;
    }
    size_t size = c->rest_bytes + (size_t)got, taken = take_frames(c, (unsigned char *)in, size);
    c->rest_bytes = size - taken;
    if (c->rest_bytes + READ_BYTES > IN_BYTES) die("a frame is too long");
    if (!c->rest_bytes && !c->rest) return;
    c->rest = grown(c->rest, c->rest_bytes + 1);
    memcpy(c->rest, in + taken, c->rest_bytes);
}

/* --- The loop ---------------------------------------------------------------------------------------------------- */
static void watch(int fd, void *what, uint32_t kind) {
    struct epoll_event event = {.events = kind, .data.ptr = what};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST) die("epoll: %s", strerror(errno));
}

/* Says whatever is due by the clock, late or not. */
static void say_due(void) {
    uint64_t expirations;
    if (read(timer_fd, &expirations, sizeof expirations) < 0) return;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    for (int64_t due; run.sent < run.total && (due = run.start_ns + run.sent * run.interval_ns) <= now;) {
        uint32_t room = run.sent % room_count, turn = run.sent / room_count % rooms[room].members;
        if (now - due > run.late_ns) run.late_ns = now - due;
        say(all[room + turn * room_count], due);
    }
}

static bool is_room_for_one(void) { return waiting < TOGETHER; }
static bool is_answered(void) { return !waiting; }
static bool is_quiet(void) { return now_ns - last_frame_ns > quiet_ns; }
static bool is_stalled_lost(void) { return stalled->lost || now_ns - stalled->asked_ns > HANGUP_S * SECOND; }

static bool is_over(void) {
    bool said = run.loop == OPEN ? run.sent == run.total : now_ns >= run.end_ns;
    return said && run.acked == run.sent && run.delivered == run.expected;
}

static bool is_all_lost(void) {
    while (waiting < count && all[waiting]->lost) waiting++;
    return waiting == count;
}

static bool is_command_ready(void) { return command_ready; }

static void serve(bool (*done)(void)) {
    static struct epoll_event events[1024];
    progress_ns = last_frame_ns = now_ns = clock_ns(CLOCK_MONOTONIC);
    while (!done()) {
        int found = epoll_wait(epoll_fd, events, 1024, 20);
        for (int i = 0; i < found; i++) {
            void *what = events[i].data.ptr;
            now_ns = clock_ns(CLOCK_MONOTONIC);
            if (what == &command_ready) command_ready = true;
            else if (what == &run) say_due();
            else receive(what);
        }
        now_ns = clock_ns(CLOCK_MONOTONIC);
        if (done != is_command_ready && done != is_quiet && now_ns - progress_ns > SILENCE_S * SECOND)
            die("no progress for %d s: %u answers, %u acks and %lu deliveries are missing", SILENCE_S, waiting,
                run.sent - run.acked, run.expected - run.delivered);
    }
}

/* --- Commands ---------------------------------------------------------------------------------------------------- */
static void begin(void) {
    memset(&answered, 0, sizeof answered);
    run.start_ns = clock_ns(CLOCK_MONOTONIC);
    run.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void report(void) {
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - run.start_ns) / SECOND;
    print_percentiles("answer_", &answered);
    printf("\"seconds\": %.4f, \"client_cpu_s\": %.4f}\n", seconds,
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - run.cpu_ns) / SECOND);
    fflush(stdout);
}

static struct connection *opened(int port, char *token, int number, bool slow) {
    struct connection *c = calloc(1, sizeof *c);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1, segment = SMALL_SEGMENT_BYTES, buffer = SMALL_BUFFER_BYTES;
    char request[512];
    if (!c) die("no memory for a connection");
    *c = (struct connection){.fd = socket(AF_INET, SOCK_STREAM, 0), .number = number, .token = token};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (slow) {
        setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    int size = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n", path);
    waiting++;
    watch(c->fd, c, EPOLLIN);
    write_all(c, request, (size_t)size);
    return c;
}

/* The file's lines from number `first` on; without a file every token is the same. */
static void read_tokens(char **tokens, const char *file, int first, int wanted) {
    static char line[LINE_BYTES];
    FILE *lines = strcmp(file, "-") ? fopen(file, "r") : NULL;
    for (int i = -first; i < wanted; i++) {
        if (lines && !fgets(line, sizeof line, lines)) die("%s has too few tokens", file);
        line[strcspn(line, "\n")] = 0;
        if (i >= 0) tokens[i] = strdup(lines ? line : "any");
    }
    if (lines) fclose(lines);
}

static void command_connect(const char *arguments) {
    char ports[128], file[512], asked_path[128];
    int first, wanted, numbers[16], port_count = 0;
    if (sscanf(arguments, "%127s %127s %511s %d %d", ports, asked_path, file, &first, &wanted) != 5) die("connect?");
    path = strdup(asked_path);
    for (char *port = strtok(ports, ","); port && port_count < 16; port = strtok(NULL, ",")) numbers[port_count++] = atoi(port);
    char **tokens = grown(NULL, (size_t)(wanted + 1) * sizeof *tokens);
    read_tokens(tokens, file, first, wanted);
    all = grown(all, (count + (uint32_t)wanted + 1) * sizeof *all);
    for (int i = 0; i < wanted; i++) {
        serve(is_room_for_one);
        int number = (int)count;
        all[count++] = opened(numbers[number % port_count], tokens[i], number, false);
    }
    free(tokens);
    serve(is_answered);
}

static void command_join(const char *arguments) {
    char prefix[64];
    uint32_t wanted_rooms, wanted;
    if (sscanf(arguments, "%63s %u %u", prefix, &wanted_rooms, &wanted) != 3 || wanted > count) die("join?");
    for (uint32_t i = 0; i < room_count; i++) free(rooms[i].order);
    rooms = grown(rooms, wanted_rooms * sizeof *rooms);
    memset(rooms, 0, wanted_rooms * sizeof *rooms);
    room_count = wanted_rooms;
    for (uint32_t i = 0; i < count; i++) all[i]->room = NULL;
    for (uint32_t i = 0; i < wanted; i++) {
        struct room *room = all[i]->room = &rooms[i % room_count];
        room->members++;
        snprintf(room->name, sizeof room->name, "%s-%u", prefix, i % room_count);
        serve(is_room_for_one);
        ask(all[i], "\"message-history\"", "{\"type\":\"join-room\",\"roomId\":\"%s\"}", room->name);
    }
    serve(is_answered);
}

static void run_loop(enum loop loop, double speed, double seconds, int size) {
    run.first_id += run.sent; /* an id that comes again may stand for the same message */
    run.sent = run.acked = 0;
    run.delivered = run.expected = run.frames = 0;
    run.late_ns = 0;
    run.loop = loop;
    run.size = size;
    for (uint32_t i = 0; i < room_count; i++) rooms[i].heard = rooms[i].sent = 0;
    for (uint32_t i = 0; i < count; i++) all[i]->heard = 0;
    memset(&delivery, 0, sizeof delivery);
    memset(&acked, 0, sizeof acked);
    uint32_t talkers = 0;
    for (uint32_t i = 0; i < room_count; i++) talkers += rooms[i].members;
    if (!talkers) die("nobody is in a room");
    run.start_ns = clock_ns(CLOCK_MONOTONIC);
    run.end_ns = run.start_ns + (int64_t)(seconds * SECOND);
    if (loop == OPEN) {
        run.total = (uint32_t)(speed * seconds);
        run.interval_ns = (int64_t)(SECOND / speed);
        struct itimerspec times = {{run.interval_ns / SECOND, run.interval_ns % SECOND}, {0, 1}};
        timerfd_settime(timer_fd, 0, &times, NULL);
    } else {
        for (int i = 0; i < (int)speed; i++) say(all[(uint64_t)i * talkers / (uint32_t)speed % talkers], run.start_ns);
    }
    serve(is_over);
    timerfd_settime(timer_fd, 0, &(struct itimerspec){0}, NULL);
    for (uint32_t i = 0; i < count; i++)
        if (all[i]->room && all[i]->heard != all[i]->room->sent) die("connection %u missed messages", i);
}

static void print_run(void) {
    double seconds = (double)(run.last_ns - run.start_ns) / SECOND;
    printf("\"messages\": %u, \"deliveries\": %lu, \"frames\": %lu, \"deliveries_s\": %.1f, ", run.sent, run.delivered,
           run.frames, (double)run.delivered / seconds);
    if (run.loop == OPEN) printf("\"late_ms\": %.3f, ", (double)run.late_ns / 1e6);
    print_percentiles("", &delivery);
    print_percentiles("ack_", &acked);
}

static void command_run(enum loop loop, const char *arguments) {
    double speed, seconds;
    int size;
    if (sscanf(arguments, "%lf %lf %d", &speed, &seconds, &size) != 3 || size < 12 || speed <= 0) die("how?");
    run_loop(loop, speed, seconds, size);
    print_run();
}

static void command_ask(const char *arguments) {
    static char answer[128];
    int times, at;
    if (sscanf(arguments, "%d %127s %n", &times, answer, &at) != 2 || !count) die("ask?");
    for (; times; times--) {
        ask(all[0], answer, "%s", arguments + at);
        serve(is_answered);
    }
}

static void command_stall(const char *arguments) {
    char ports[128], asked_path[128], file[512], room[64], *token;
    int number;
    if (sscanf(arguments, "%127s %127s %511s %d %63s", ports, asked_path, file, &number, room) != 5) die("stall?");
    read_tokens(&token, file, number, 1);
    stalled = opened(atoi(ports), token, -1, true);
    serve(is_answered);
    ask(stalled, "\"message-history\"", "{\"type\":\"join-room\",\"roomId\":\"%s\"}", room);
    serve(is_answered);
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, stalled->fd, NULL);
}

static void freed(struct connection *c) {
    close(c->fd);
    free(c->rest);
    free(c->token);
    free(c);
}

static void command_hangup(void) {
    stalled->asked_ns = clock_ns(CLOCK_MONOTONIC);
    watch(stalled->fd, stalled, EPOLLIN);
    serve(is_stalled_lost);
    printf("\"closed\": %d, ", stalled->lost);
    freed(stalled);
    stalled = NULL;
}

static void command_close(void) {
    struct linger reset = {1, 0};
    closing = true;
    for (uint32_t i = 0; i < count; i++) {
        if (i % 2) send_frame(all[i], 0x8, "\x03\xe8", 2);
        else {
            setsockopt(all[i]->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            lost(all[i]);
        }
    }
    waiting = 0;
    serve(is_all_lost);
    for (uint32_t i = 0; i < count; i++) freed(all[i]);
    for (uint32_t i = 0; i < room_count; i++) free(rooms[i].order);
    waiting = count = room_count = 0;
    closing = false;
}

static void obey(char *line) {
    size_t word = strcspn(line, " \n");
    char *arguments = line + word + (line[word] == ' ');
    line[word] = 0;
    arguments[strcspn(arguments, "\n")] = 0;
    begin();
    putchar('{');
    if (!strcmp(line, "connect")) command_connect(arguments);
    else if (!strcmp(line, "join")) command_join(arguments);
    else if (!strcmp(line, "closed")) command_run(CLOSED, arguments);
    else if (!strcmp(line, "whole")) command_run(WHOLE, arguments);
    else if (!strcmp(line, "open")) command_run(OPEN, arguments);
    else if (!strcmp(line, "ask")) command_ask(arguments);
    else if (!strcmp(line, "quiet")) {
        quiet_ns = atoi(arguments) * (SECOND / 1000);
        serve(is_quiet);
    } else if (!strcmp(line, "stall")) command_stall(arguments);
    else if (!strcmp(line, "hangup")) command_hangup();
    else if (!strcmp(line, "close")) command_close();
    else die("no such command: %s", line);
    report();
}

int main(void) {
    static char line[LINE_BYTES];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    setvbuf(stdin, NULL, _IONBF, 0);
    in = grown(NULL, IN_BYTES);
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(timer_fd, &run, EPOLLIN);
    for (;;) {
        command_ready = false;
        watch(0, &command_ready, EPOLLIN);
        serve(is_command_ready);
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, 0, NULL);
        if (!fgets(line, sizeof line, stdin)) return 0;
        obey(line);
    }
}
