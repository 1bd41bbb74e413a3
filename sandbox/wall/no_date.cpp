// The compiler is told no date, so that __DATE__ and __TIME__ do not compile: with them one text is another program
// every day. What was judged would not be what somebody builds from the same text later, a text could be wrong from
// some day on, and a build that is kept by its content would not be of that content. A filter of the text would miss
// what macros paste together.
//
// The compiler's library takes both from ctime(), of which the program's own function comes first, and puts quotes
// around the parts. A quote within them is never closed, so that every use of the macros is an error.
#include <ctime>

extern "C" char *ctime(const std::time_t *) noexcept {
  //                    www Mmm dd hh:mm:ss yyyy
  static char text[] = "Thu \"no day\"no time 1970\n";
  return text;
}
