#include "cli/commands/options.h"
#include "io/machine.h"

int main(int argc, char** argv) {
  gapless::io::KeepFreedMemory();
  return gapless::cli::Main(argc, argv);
}
