/* lease.pml - who may send for a bot, and what happens to its out list. Two parts, chosen by -D:
 *
 * PART_TIME: the lease and the clocks. One tick is a second. Nobody is ever forced to act, so every pause, of
 *   any length, is among the runs; a call is sent, run and answered in three steps. A gateway's clock strays
 *   by at most one second in any stretch (12 % of 8 s). Ages stop counting where nothing changes any more.
 *   Who judges that the lease ended: BY_WATCH the taker, which saw the same renewal for 8 s of its own
 *   monotonic clock (default); BY_REDIS the clock of Redis; BY_WALL wall clocks given as script arguments.
 * PART_OUT: the out list. Takeover may come at any moment, the old owner goes on as a zombie without any time
 *   rule (more runs than the design allows); every fault has a budget, every run ends.
 */
hidden byte i, ok;

#ifdef PART_TIME
#ifndef TTL
#define TTL 8
#endif
#ifndef RULE
#define RULE 5
#endif
#ifndef OFFSET
#define OFFSET 2	/* between two wall clocks, BY_WALL only */
#endif
#define TOP 9
#ifndef KICK
#define KICK 9
#endif
bool thinks[2], latest[2];	/* believes to own; holds the newest epoch (Redis) */
byte age[2];			/* own clock, since the last confirmed renewal was sent */
byte rq[2], rqage[2];		/* 0 none, 1 renewal sent, 2 it ran, 3 refused; 4 acquire sent, 5 it ran, 6 refused */
byte watch[2];			/* own clock, since this renewal was first seen */
bool changed[2];		/* there is a newer renewal than the one seen */
byte lage;			/* since the renewal in Redis ran (BY_WALL: was sent) */
byte err[3];			/* how far a clock is ahead: 0 or 1; the third is that of Redis */
bool conn[2], kicks, kstored, kknown[2], klocal[2];
bool kept;			/* for the check only: a kick was stored */
byte krem;			/* the platform wants no link for so long */

#ifdef M_NORULE
#define MAY(g) (thinks[g])
#else
#define MAY(g) (thinks[g] && age[g] <= RULE)
#endif
#define CHECK assert(!(MAY(0) && MAY(1)))
#define GROW(v, d) v = (v + d > TOP -> TOP : v + d)

#ifdef BY_WALL
#define ENDED(g) (lage + (g == 1 -> OFFSET : 0) >= TTL)
#else
#ifdef BY_REDIS
#define ENDED(g) (lage >= TTL)
#else
#define ENDED(g) (watch[g] >= TTL && !changed[g])
#endif
#endif
inline renewed(g) {
	changed[0] = true; changed[1] = true;
#ifdef BY_WALL
	lage = rqage[g]
#else
	lage = 0
#endif
}
inline gateway_tick(g, d) { GROW(age[g], d); GROW(rqage[g], d); GROW(watch[g], d) }

proctype gateway(byte g) {
	do
	:: d_step { !thinks[g] && rq[g] == 0 && changed[g] -> changed[g] = false; watch[g] = 0 }	/* look */
	:: d_step { !thinks[g] && rq[g] == 0 && ENDED(g) -> rq[g] = 4; rqage[g] = 0 }
	:: d_step { thinks[g] && rq[g] == 0 -> rq[g] = 1; rqage[g] = 0 }
	/* Redis */
	:: d_step { rq[g] == 1 -> if :: latest[g] -> renewed(g); rq[g] = 2 :: else -> rq[g] = 3 fi }
	:: d_step { rq[g] == 4 ->
		if
		:: ENDED(g) ->
			renewed(g); latest[1 - g] = false; latest[g] = true; rq[g] = 5;
#ifdef M_EXPIRE
			kstored = false;	/* the row went with its TTL */
#endif
			kknown[g] = kstored
		:: else -> rq[g] = 6
		fi }
	/* the answer */
	:: d_step { rq[g] == 2 || rq[g] == 5 ->
		thinks[g] = true;
#ifdef M_REPLYAGE
		age[g] = 0;
#else
		age[g] = rqage[g];
#endif
		rq[g] = 0; rqage[g] = 0; CHECK }
	:: d_step { rq[g] == 3 -> thinks[g] = false; conn[g] = false; age[g] = 0; rq[g] = 0; rqage[g] = 0 }
	:: d_step { rq[g] == 6 -> rq[g] = 0; rqage[g] = 0 }
	/* the link */
	:: d_step { thinks[g] && !conn[g] && !(klocal[g] && krem > 0) && !(kknown[g] && krem > 0) ->
		conn[g] = true;
		assert(!(krem > 0 && kept && latest[g])) }	/* kicked_until binds the next owner */
	:: d_step { conn[g] && !kicks && latest[g] -> kicks = true; conn[g] = false; klocal[g] = true; krem = KICK }
	:: d_step { klocal[g] && krem > 0 && latest[g] && !kstored -> kstored = true; kept = true }
	/* kill -9 */
	:: d_step { thinks[g] || rq[g] != 0 ->
		thinks[g] = false; latest[g] = false; age[g] = 0; rq[g] = 0; rqage[g] = 0; changed[g] = true;
		conn[g] = false; kknown[g] = false; klocal[g] = false }
	od
}
proctype time() {
	byte d0, d1;
	do
	:: atomic {
		if :: err[0] == 0 -> if :: d0 = 1 :: d0 = 2; err[0] = 1 fi
		   :: else -> if :: d0 = 1 :: d0 = 0; err[0] = 0 fi fi;
		if :: err[1] == 0 -> if :: d1 = 1 :: d1 = 2; err[1] = 1 fi
		   :: else -> if :: d1 = 1 :: d1 = 0; err[1] = 0 fi fi;
		gateway_tick(0, d0); gateway_tick(1, d1);
		if :: krem > 0 -> krem-- :: else fi;
		if :: !thinks[0] -> age[0] = 0 :: else fi; if :: rq[0] == 0 -> rqage[0] = 0 :: else fi;
		if :: !thinks[1] -> age[1] = 0 :: else fi; if :: rq[1] == 0 -> rqage[1] = 0 :: else fi;
#ifdef BY_WALL
		GROW(lage, 1);
#endif
#ifdef BY_REDIS
		if :: err[2] == 0 -> if :: d0 = 1 :: d0 = 2; err[2] = 1 fi
		   :: else -> if :: d0 = 1 :: d0 = 0; err[2] = 0 fi fi;
		GROW(lage, d0);
#else
#ifndef BY_WALL
		lage = 0;
#endif
#endif
#if defined(BY_REDIS) || defined(BY_WALL)
		watch[0] = 0; watch[1] = 0; changed[0] = false; changed[1] = false;
#endif
		d0 = 0; d1 = 0; CHECK }
	od
}
init {
	atomic { lage = TOP; changed[0] = true; changed[1] = true; run gateway(0); run gateway(1); run time() }
}
#endif

#ifdef PART_OUT
#ifndef CRASH
#define CRASH 2
#endif
#ifndef TAKE
#define TAKE 2		/* takeovers from an owner that lives */
#endif
#ifndef LOST
#define LOST 2
#endif
#ifndef UNKNOWN
#define UNKNOWN 1	/* sends that landed and whose answer never came */
#endif
/* Chat 0: a reply of two parts (0, 1) and one of one part (2); chat 1: one of one part (3). */
#define FIRSTP(c) (c == 0 -> 0 : 3)
#define ENDS(p) (p != 0)		/* the reply ends with this part */
byte end_[2], pos[2];		/* parts appended up to here; the part at the head */
bool started[2];		/* mark on that part */
bool work[2];			/* the chat is among those with work */
byte epoch = 1;
bool owns[2]; byte gep[2];
byte gs[4], gp[4];		/* [2 * gateway + chat]: 0 idle, 1 head read, 2 start stored, 3 landed */
byte count[4]; bool excuse[4];
byte dk, dg, dc, dp, dep;	/* a call in doubt: 1 start, 2 progress */
byte crash = CRASH, taken = TAKE, lost = LOST, unknown = UNKNOWN;
#define X(g, c) (2 * g + c)
#define LIVEOWNER (owns[0] && gep[0] == epoch || owns[1] && gep[1] == epoch)

inline forgive(c) { if :: started[c] -> excuse[pos[c]] = true :: else fi }
inline stale(g) { owns[g] = false; gep[g] = 0; gs[X(g, 0)] = 0; gs[X(g, 1)] = 0; gp[X(g, 0)] = 0; gp[X(g, 1)] = 0 }
inline start(c, p, ep) {
	ok = 0;
	if
	:: ep == epoch && p == pos[c] && p < end_[c] -> started[c] = true; ok = 1
	:: ep == epoch && !(p == pos[c] && p < end_[c]) -> ok = 2
	:: else
	fi
}
inline progress(c, p, ep) {
	ok = 0;
	if
	:: ep == epoch &&
#ifdef M_INCREMENT
	   pos[c] < end_[c] ->
#else
	   pos[c] == p && p < end_[c] ->
#endif
		pos[c]++; started[c] = false; ok = 1;
		if :: pos[c] == end_[c] -> work[c] = false :: else fi
	:: ep == epoch && !(
#ifdef M_INCREMENT
	   pos[c] < end_[c]) -> ok = 2
#else
	   pos[c] == p && p < end_[c]) -> ok = 2
#endif
	:: else
	fi
}
inline land(c, p) {
	assert(count[p] == 0 || excuse[p]);		/* twice only where the outcome was unknown */
	assert(count[p] > 0 || p == FIRSTP(c) || count[p - 1] > 0);	/* in order at the receiver */
	count[p]++
}
proctype sender(byte g; byte c) {
end:	do
#ifdef M_BELL
	/* the bell is all there is: whoever reads it works on it, or drops it */
	:: d_step { gs[X(g, c)] == 0 && work[c] && !owns[g] -> work[c] = false }
#endif
	:: d_step { gs[X(g, c)] == 0 && owns[g] && work[c] ->
		if
		:: gep[g] != epoch -> stale(g)
		:: else ->
			if :: pos[c] < end_[c] -> gs[X(g, c)] = 1; gp[X(g, c)] = pos[c] :: else -> work[c] = false fi
		fi }
#ifdef M_RECORDFIRST
	:: d_step { gs[X(g, c)] == 1 -> progress(c, gp[X(g, c)], gep[g]);
		if :: ok == 1 -> gs[X(g, c)] = 5 :: ok == 2 -> gs[X(g, c)] = 0; gp[X(g, c)] = 0 :: else -> stale(g) fi; ok = 0 }
	:: d_step { gs[X(g, c)] == 5 -> land(c, gp[X(g, c)]); gs[X(g, c)] = 0; gp[X(g, c)] = 0 }
#else
	:: d_step { gs[X(g, c)] == 1 -> start(c, gp[X(g, c)], gep[g]);
		if :: ok == 1 -> gs[X(g, c)] = 2 :: ok == 2 -> gs[X(g, c)] = 0; gp[X(g, c)] = 0 :: else -> stale(g) fi; ok = 0 }
#endif
	:: d_step { gs[X(g, c)] == 1 && lost > 0 && dk == 0 -> lost--; dk = 1; dg = g; dc = c; dp = gp[X(g, c)]; dep = gep[g] }
	:: d_step { gs[X(g, c)] == 2 -> land(c, gp[X(g, c)]); gs[X(g, c)] = 3 }
	:: d_step { gs[X(g, c)] == 2 && unknown > 0 -> unknown--; land(c, gp[X(g, c)]); excuse[gp[X(g, c)]] = true }
	:: d_step { gs[X(g, c)] == 3 -> progress(c, gp[X(g, c)], gep[g]);
		if :: ok > 0 -> gs[X(g, c)] = 0; gp[X(g, c)] = 0 :: else -> stale(g) fi; ok = 0 }
	:: d_step { gs[X(g, c)] == 3 && lost > 0 && dk == 0 -> lost--; dk = 2; dg = g; dc = c; dp = gp[X(g, c)]; dep = gep[g] }
	od
}
proctype owner(byte g) {
end:	do
	:: d_step { !owns[g] && (!LIVEOWNER || taken > 0) ->
		if :: LIVEOWNER -> taken-- :: else fi;
#ifdef M_EPOCHRESET
		epoch = 1;
#else
		epoch++;
#endif
		owns[g] = true; gep[g] = epoch; forgive(0); forgive(1) }
	:: d_step { owns[g] && crash > 0 -> crash--; forgive(0); forgive(1); stale(g) }
	od
}
proctype redis() {
end:	do
	/* done scripts of the worker */
	:: d_step { end_[0] == 0 -> end_[0] = 2; work[0] = true }
	:: d_step { end_[0] == 2 -> end_[0] = 3; work[0] = true }
	:: d_step { end_[1] == 3 && pos[1] == 3 && count[3] == 0 && !work[1] -> end_[1] = 4; work[1] = true }
	:: d_step { dk != 0 ->
		if :: dk == 1 -> start(dc, dp, dep) :: else -> progress(dc, dp, dep) fi;
		dk = 0; dg = 0; dc = 0; dp = 0; dep = 0; ok = 0 }
	od
}
init {
	atomic {
		end_[1] = 3; pos[1] = 3;
		run sender(0, 0); run sender(0, 1); run sender(1, 0); run sender(1, 1);
		run owner(0); run owner(1); run redis()
	}
	timeout ->
	d_step {
		assert(end_[0] == 3 && pos[0] == 3 && end_[1] == 4 && pos[1] == 4 && !work[0] && !work[1]);
		assert(count[0] > 0 && count[1] > 0 && count[2] > 0 && count[3] > 0)	/* nothing forgotten */
	}
}
#endif
