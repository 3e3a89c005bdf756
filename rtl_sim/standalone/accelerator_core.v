  // the same writes as those of the engine with buses, in its registers' place
  localparam integer ADDRESS_BITS = @ADDRESS_BITS@;
  localparam integer SCORE_BITS = @SCORE_BITS@;
  reg enable = 1'b0;
  reg [1:0] load_memory;
  reg [23:0] load_address;
  reg [ADDRESS_BITS - 1:0] image_base;
  reg [ADDRESS_BITS - 1:0] image_stride;
  reg [15:0] image_words;
  reg [SCORE_BITS - 1:0] thresholds [0:@N_EXITS@ - 1];
  wire loading = set && set_address == 12'h@LOAD_DATA@;
  assign set_done = 1'b1;
  always @(posedge clk) begin
    if (rst) enable <= 1'b0;
    else if (set)
      case (set_address)
        12'h@CONTROL@: enable <= set_word[0];
        12'h@LOAD_ADDRESS@: begin
          load_memory <= set_word[25:24];
          load_address <= set_word[23:0];
        end
        12'h@LOAD_DATA@: load_address <= load_address + 1;
        12'h@IMAGE_BASE@: image_base <= set_word[ADDRESS_BITS - 1:0];
        12'h@IMAGE_STRIDE@: image_stride <= set_word[ADDRESS_BITS - 1:0];
        12'h@IMAGE_WORDS@: image_words <= set_word[15:0];
@THRESHOLDS@
        default: ;
      endcase
  end

  wire [@LABEL_BITS@ - 1:0] o_label;
  wire [@EXIT_BITS@ - 1:0] o_exit_index;
  wire [SCORE_BITS - 1:0] o_score;
  wire [31:0] o_cycles;
  assign o_word[0] = 1'b0;
  wire [@EXIT_BITS@ + 3:0] exit_wide = {4'd0, o_exit_index};
  wire [@LABEL_BITS@ + 9:0] label_wide = {10'd0, o_label};
  assign o_word[4:1] = exit_wide[3:0];
  assign o_word[14:5] = label_wide[9:0];
  assign o_word[31:15] = {{18 - SCORE_BITS{o_score[SCORE_BITS - 1]}}, o_score[SCORE_BITS - 2:0]};
  assign o_word[63:32] = o_cycles;

  wire [@N_FAULTS@ - 1:0] faults;
  assign trouble = |faults;
  wire busy, held, counting, image_fits;
  wire [31:0] peek_word;

  @NAME@ dut (
    .clk(clk),
    .rst(rst),
    .i_valid(i_valid),
    .i_ready(i_ready),
    .i_data(i_data),
    .i_last(i_last),
    .i_spoiled(1'b0),
    .o_valid(o_valid),
    .o_ready(o_ready),
    .o_label(o_label),
    .o_exit_index(o_exit_index),
    .o_score(o_score),
    .o_cycles(o_cycles),
    .load_memory(load_memory),
    .load_address(load_address),
    .load_data(set_word),
    .load_enable(loading),
    .enable(enable),
    .busy(busy),
    .counting(counting),
    .hold(1'b0),
    .held(held),
    .peek_address({ADDRESS_BITS{1'b0}}),
    .peek_word(peek_word),
    .image_fits(image_fits),
    .image_base(image_base),
    .image_stride(image_stride),
    .image_words(image_words),
@PORTS@
  );
