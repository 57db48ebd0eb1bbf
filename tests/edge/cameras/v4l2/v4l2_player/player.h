/* A V4L2 camera that is not there, played to one process from a script: what its three files tell each other.
 *
 * libc.c takes the calls of the program (LD_PRELOAD) and leads /dev/video*, /dev/v4l and /sys/class/video4linux to a
 * directory, $V4L2_PLAYER_ROOT. There dev/videoN is not a device but a script (script.c says what can stand in it); it
 * may be rewritten, removed and put back while the program runs. device.c answers the ioctls as the script says.
 */
#ifndef V4L2_PLAYER_H
#define V4L2_PLAYER_H

#include <linux/videodev2.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MOST_MODES = 24, MOST_RATES = 8, MOST_RULES = 32, MOST_CONTROLS = 32, MOST_MENU = 64, MOST_BUFFERS = 32 };

typedef enum {
    FLAGGED, /* V4L2_BUF_FLAG_ERROR, the buffer full of 0xEE */
    SHORT,   /* `value` bytes */
    EMPTY,   /* no byte */
    CUT,     /* the picture's first `value` bytes; a JPEG without its end */
    PICTURE, /* picture number `value` of the mode's file, instead of the one whose turn it is */
    IO_ERROR,/* DQBUF: EIO */
    AGAIN,   /* readable, but DQBUF: EAGAIN, `value` times */
    INTERRUPT, /* the same with EINTR */
    STALL,   /* silence for `value` ms; without: until the stream is started anew */
    UNPLUG,  /* ENODEV, and the next `value` attempts to open fail */
    DELAY,   /* this frame comes `value` ms later, the next ones do not */
    LOSE,    /* `value` frames are missing in the camera's count */
    RATE,    /* from here on so many frames a second, whatever was agreed on */
} Fault;

typedef struct {
    Fault fault;
    double value, chance; /* chance: 0..1; 0 is always */
    long first, last, every;
} Rule;

typedef struct {
    uint32_t fourcc;
    int width, height, padding, turn, rates; /* turn: how many pictures are shown in turn; 0 is all */
    double fps[MOST_RATES];
    char pictures[PATH_MAX];
} Mode;

typedef struct {
    struct v4l2_query_ext_ctrl info;
    int64_t value;
    uint32_t needs; /* another control that must have the value `needed` before this one can be set */
    int64_t needed;
    int refusal; /* errno of every attempt to set it */
} Control;

typedef struct {
    char driver[16], card[32], bus[32];
    bool free_pace, busy, strict;
    int open_error;
    uint32_t clock; /* V4L2_BUF_FLAG_TIMESTAMP_* */
    unsigned seed;
    int modes, rules, controls, menus;
    Mode mode[MOST_MODES];
    Rule rule[MOST_RULES];
    Control control[MOST_CONTROLS];
    struct v4l2_querymenu menu[MOST_MENU];
} Script;

/* script.c */
bool script_read(Script *script, int descriptor); /* false: a line that cannot be understood was printed on stderr */
bool rule_holds(const Script *script, const Rule *rule, long frame);
uint32_t fourcc_of(const char *text);

/* device.c; all but player_open: of a descriptor that player_open gave, errors as errno and -1 */
int player_open(const char *path, int number, int flags); /* path: the script */
bool player_owns(int descriptor);
int player_ioctl(int descriptor, unsigned long request, void *argument);
void player_close(int descriptor);
short player_ready(int descriptor, short events, double *next_s); /* revents; else when to look again, from now */
double now_s(void);

#endif
