/* budget.pml - one budget and its counter; two workers that open and close calls, a sweep, copies that arrive late.
 *
 * A call is opened under the fence of its turn (reserve and row in one step), costs at most what it reserved, and is
 * closed by its worker, before or after done gave the fence away, so perhaps after a sweep has closed it at its
 * estimate. A worker that dies closes nothing: its turn is taken over, and the next try opens a call of its own. A
 * script without an answer is repeated, and its first copy may run at any later moment.
 *
 * At every step what is reserved and spent is within the limit. In the end no row is open, each call that was sent is
 * booked exactly once, at its true figure where its worker lived to tell it, else at its estimate, no call that was
 * never sent is booked unless its worker died, and the counter is the sum of what is booked.
 */
#ifndef CRASH
#define CRASH 1
#endif
#ifndef COPIES
#define COPIES 2
#endif
#define CALLS 4		/* worker w makes the call 2w, and 2w + 1 when it has died once */
#define RESERVED 2
#define MOST 5		/* room for two at once */
#define NONE 0
#define OPEN 1
#define CLOSED 2
#define SWEPT 3		/* closed at its estimate, a note kept for a late close */
#ifdef M_NOFENCE
#define HELD(c) true
#else
#define HELD(c) held[c]
#endif
byte row[CALLS], cost[CALLS], booked[CALLS], rows[CALLS];
bool held[CALLS];	/* the fence of the try that makes the call */
bool asked[CALLS], granted[CALLS], sent[CALLS], told[CALLS], closed[CALLS], died[CALLS];
byte past[CALLS];	/* noted beside the fence: how the call ended */
short counter;
byte crash = CRASH, copies = COPIES;
hidden byte i;
hidden short sum;

inline open_script(c) {
	if
	:: HELD(c) && row[c] != OPEN && past[c] == NONE ->
		if
#ifdef M_TWOSTEPS
		:: true -> counter = counter + RESERVED; row[c] = OPEN; granted[c] = true	/* asked before whether it fits */
#else
		:: counter + RESERVED <= MOST -> counter = counter + RESERVED; row[c] = OPEN; granted[c] = true
		:: else ->
			skip;
#ifndef M_FORGETREFUSED
			if :: held[c] -> past[c] = CLOSED :: else fi
#endif
#endif
		fi
	:: else
	fi
}
inline close_script(c) {
	if
	:: row[c] == OPEN ->
		counter = counter - RESERVED + cost[c];
		row[c] = CLOSED; booked[c] = booked[c] + cost[c]; rows[c]++;
#ifndef M_FORGETCLOSED
		if :: held[c] -> past[c] = CLOSED :: else fi
#endif
	:: row[c] == SWEPT ->
#ifndef M_LATELOST
		counter = counter - RESERVED + cost[c];
		booked[c] = booked[c] - RESERVED + cost[c];
#endif
		row[c] = CLOSED
#ifdef M_AGAIN
	:: row[c] == CLOSED -> counter = counter - RESERVED + cost[c]; booked[c] = booked[c] + cost[c]
#endif
	:: else
	fi
}
proctype worker(byte w) {
	byte c = 2 * w;
	byte step;
end:	do
	:: d_step { step == 0 -> held[c] = true; step = 1 }
#ifdef M_TWOSTEPS
	:: d_step { step == 1 && counter + RESERVED <= MOST -> asked[c] = true; step = 5 }
	:: d_step { step == 1 && counter + RESERVED > MOST -> step = 4 }
	:: d_step { step == 5 -> open_script(c); step = 2 }
#else
	:: d_step { step == 1 -> asked[c] = true; open_script(c); step = (granted[c] -> 2 : 4) }
#endif
	:: step == 2 -> d_step { sent[c] = true; step = 3 }
	:: step == 3 && !told[c] -> atomic { if :: cost[c] = 0 :: cost[c] = 1 :: cost[c] = RESERVED fi; told[c] = true }
	:: d_step { step == 3 && told[c] && held[c] -> held[c] = false }	/* done came before the close */
	:: d_step { step == 3 && told[c] -> closed[c] = true; close_script(c); step = 4 }
	:: d_step { step == 4 && held[c] -> held[c] = false }
	:: d_step { crash > 0 && step > 0 && step < 4 && c == 2 * w ->
		crash--; died[c] = true; held[c] = false; c = c + 1; step = 0 }
	od
}
proctype others(byte c) {	/* for one call: the sweep, and first copies that were under way */
end:	do
	:: d_step { row[c] == OPEN && !held[c] ->
		row[c] = SWEPT; booked[c] = booked[c] + RESERVED; rows[c]++ }
	:: d_step { copies > 0 && asked[c] -> copies--; open_script(c) }
	:: d_step { copies > 0 && closed[c] -> copies--; close_script(c) }
	:: d_step { counter > MOST || counter < 0 -> assert(false) }
	od
}
init {
	atomic { run worker(0); run worker(1); run others(0); run others(1); run others(2); run others(3) }
	timeout ->
	d_step {
		i = 0; sum = 0;
		do
		:: i < CALLS ->
			assert(row[i] != OPEN);
			assert(rows[i] == sent[i] || (died[i] && rows[i] <= 1));
			assert(rows[i] == 0 || booked[i] == (closed[i] -> cost[i] : RESERVED));
			sum = sum + booked[i]; i++
		:: else -> break
		od;
		assert(counter == sum)
	}
}
