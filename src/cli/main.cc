#include "cli/options.h"

int main(int argc, char** argv) { return gapless::cli::Main(argc, argv); }
