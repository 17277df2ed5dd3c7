// set_timer_slack gives the thread tid of this process the timer slack of ns nanoseconds, and answers 0, or what errno would be.
// ETIMEDOUT: the thread has not done so after patience nanoseconds, of which there must be less than a second's.
int set_timer_slack(int tid, unsigned long ns, long patience);
