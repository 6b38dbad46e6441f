//! Instructions of the kernel's virtual machine, with labels instead of distances.
//!
//! Encodings: RFC 9669. Ten registers carry values, the eleventh points at the end of 512 octets
//! of stack.

/// One instruction as the kernel takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    operation: u8,
    /// Target in the low four bits, source in the high ones.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register. A call takes its arguments in `R1` to `R5`, answers in `R0` and spoils all of
/// them; `R6` to `R9` survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R6 = 6,
    R7,
    R8,
    R9,
    Stack,
}

/// How many octets a load or store moves.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Width {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

/// Arithmetic on 64 bits.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Arithmetic {
    Add = 0x00,
    And = 0x50,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    Move = 0xb0,
}

/// When a jump is taken; comparisons are unsigned.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Condition {
    Equal = 0x10,
    Above = 0x20,
    NotEqual = 0x50,
    Below = 0xa0,
}

/// A place in the program, marked once and jumped to from before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

// Classes of instructions, and what tells them apart within a class (RFC 9669 §3).
// Loads and stores move a word unless a [`Width`] says otherwise.
const LOAD_IMMEDIATE_64: u8 = 0x18;
const LOAD: u8 = 0x61;
const STORE_IMMEDIATE: u8 = 0x62;
const STORE: u8 = 0x63;
const ATOMIC_DOUBLE: u8 = 0xdb;
const ARITHMETIC_64: u8 = 0x07;
const TO_BIG_ENDIAN: u8 = 0xdc;
const JUMP: u8 = 0x05;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// The second operand is a register, not the immediate.
const FROM_REGISTER: u8 = 0x08;
/// A 64-bit immediate stands for a map's descriptor.
const MAP_DESCRIPTOR: u8 = 1;

/// A program being written.
#[derive(Default)]
pub(super) struct Assembler {
    instructions: Vec<Instruction>,
    labels: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label that is yet to be marked.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The next instruction is where `label` is.
    pub(super) fn mark(&mut self, label: Label) {
        self.labels[label.0] = Some(self.instructions.len());
    }

    /// `to = *(from + offset)`
    pub(super) fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.push(LOAD | width as u8, to as u8, from as u8, offset, 0);
    }

    /// `*(to + offset) = from`
    pub(super) fn store(&mut self, width: Width, to: Register, offset: i16, from: Register) {
        self.push(STORE | width as u8, to as u8, from as u8, offset, 0);
    }

    /// `*(to + offset) = value`
    pub(super) fn store_immediate(&mut self, width: Width, to: Register, offset: i16, value: i32) {
        self.push(STORE_IMMEDIATE | width as u8, to as u8, 0, offset, value);
    }

    /// `*(to + offset) += from`, whole, whoever else does the same.
    pub(super) fn atomic_add(&mut self, to: Register, offset: i16, from: Register) {
        self.push(ATOMIC_DOUBLE, to as u8, from as u8, offset, 0);
    }

    /// `to = to <operation> from`
    pub(super) fn compute(&mut self, operation: Arithmetic, to: Register, from: Register) {
        let operation = ARITHMETIC_64 | FROM_REGISTER | operation as u8;
        self.push(operation, to as u8, from as u8, 0, 0);
    }

    /// `to = to <operation> value`
    pub(super) fn compute_immediate(&mut self, operation: Arithmetic, to: Register, value: i32) {
        self.push(ARITHMETIC_64 | operation as u8, to as u8, 0, 0, value);
    }

    /// Turns 16 bits in network byte order into a number.
    pub(super) fn swap_16(&mut self, register: Register) {
        self.push(TO_BIG_ENDIAN, register as u8, 0, 0, 16);
        // The verifier takes a swapped register for one of 64 unknown bits.
        self.compute_immediate(Arithmetic::And, register, 0xffff);
    }

    /// Goes to `target`.
    pub(super) fn jump(&mut self, target: Label) {
        self.jumps.push((self.instructions.len(), target));
        self.push(JUMP, 0, 0, 0, 0);
    }

    /// Goes to `target` when `left <condition> right`.
    pub(super) fn jump_if(
        &mut self,
        condition: Condition,
        left: Register,
        right: Register,
        target: Label,
    ) {
        self.jumps.push((self.instructions.len(), target));
        let operation = JUMP | FROM_REGISTER | condition as u8;
        self.push(operation, left as u8, right as u8, 0, 0);
    }

    /// Goes to `target` when `left <condition> right`.
    pub(super) fn jump_if_immediate(
        &mut self,
        condition: Condition,
        left: Register,
        right: i32,
        target: Label,
    ) {
        self.jumps.push((self.instructions.len(), target));
        self.push(JUMP | condition as u8, left as u8, 0, 0, right);
    }

    /// `to` becomes the map behind a descriptor.
    pub(super) fn load_map(&mut self, to: Register, descriptor: i32) {
        self.push(LOAD_IMMEDIATE_64, to as u8, MAP_DESCRIPTOR, 0, descriptor);
        self.push(0, 0, 0, 0, 0);
    }

    /// Calls a function of the kernel by its number.
    pub(super) fn call(&mut self, function: i32) {
        self.push(CALL, 0, 0, 0, function);
    }

    /// Ends the program with the verdict in `R0`.
    pub(super) fn exit(&mut self) {
        self.push(EXIT, 0, 0, 0, 0);
    }

    /// The program, every jump with its distance.
    ///
    /// # Panics
    /// When a label that is jumped to was never marked.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let target = self.labels[label.0].expect("every label jumped to is marked");
            let distance = target as i64 - at as i64 - 1;
            self.instructions[at].offset = distance.try_into().expect("programs are short");
        }
        self.instructions
    }

    fn push(&mut self, operation: u8, target: u8, source: u8, offset: i16, immediate: i32) {
        self.instructions.push(Instruction {
            operation,
            registers: source << 4 | target,
            offset,
            immediate,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Register::{R0, R1, Stack};
    use super::*;

    fn octets(instruction: Instruction) -> [u8; 8] {
        let [offset_low, offset_high] = instruction.offset.to_le_bytes();
        let [a, b, c, d] = instruction.immediate.to_le_bytes();
        let (operation, registers) = (instruction.operation, instruction.registers);
        [operation, registers, offset_low, offset_high, a, b, c, d]
    }

    #[test]
    fn instructions_are_encoded_as_rfc_9669_has_them() {
        let mut assembler = Assembler::default();
        assembler.compute_immediate(Arithmetic::Move, R0, 2);
        assembler.load(Width::Half, R1, R0, 12);
        assembler.store(Width::Double, Stack, -8, R1);
        assembler.exit();
        let code: Vec<[u8; 8]> = assembler.finish().into_iter().map(octets).collect();
        assert_eq!(code[0], [0xb7, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(code[1], [0x69, 0x01, 12, 0, 0, 0, 0, 0]);
        assert_eq!(code[2], [0x7b, 0x1a, 0xf8, 0xff, 0, 0, 0, 0]);
        assert_eq!(code[3], [0x95, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn distances_count_from_the_next_instruction() {
        let mut assembler = Assembler::default();
        let end = assembler.label();
        assembler.jump_if_immediate(Condition::Equal, R0, 7, end);
        assembler.jump(end);
        assembler.call(1);
        assembler.mark(end);
        assembler.exit();
        let code = assembler.finish();
        assert_eq!((code[0].offset, code[1].offset), (2, 1));
    }
}
