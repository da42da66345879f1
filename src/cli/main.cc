#include "cli/commands/options.h"
#include "io/machine.h"
#include "net/loop/descriptors.h"

int main(int argc, char** argv) {
  gapless::io::KeepFreedMemory();
  gapless::net::RaiseDescriptorLimit();
  return gapless::cli::Main(argc, argv);
}
